// How the server ends a socket, as its client sees it.
import assert from "node:assert/strict";
import type { Client } from "./client.ts";
import type { Served } from "./world.ts";

/** The last frame was a `bye` of this code, and the socket closed with it. */
export async function saidBye(
  client: Client,
  code: number,
  reconnect: boolean,
): Promise<void> {
  assert.equal((await client.closed).code, code);
  const { type, data } = client.frames.at(-1);
  assert.deepEqual([type, data.code, data.reconnect], ["bye", code, reconnect]);
}

/** Waits until the server has only so many sockets: it hears of an end a moment after its client. */
export async function untilSockets(
  server: Served,
  count: number,
): Promise<void> {
  // A guard as in `inTime`: what has not happened by then fails below.
  const late = Date.now() + 60_000;
  while (server.realtime.sockets > count && Date.now() < late) {
    await server.ask(null, "GET", "/users/me");
  }
  assert.equal(server.realtime.sockets, count);
}
