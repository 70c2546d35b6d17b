// The heartbeat on the wire: who is pinged when, what counts as life, and how silence ends.
import assert from "node:assert/strict";
import { LIMITS } from "../../kv/limits.ts";
import { FakeClock } from "../fake_clock.ts";
import type { Client } from "./client.ts";
import { saidBye } from "./endings.ts";
import { served } from "./world.ts";

const INTERVAL = LIMITS.heartbeatMs;

function countPings(client: Client): () => number {
  let pings = 0;
  client.socket.on("ping", () => pings++);
  return () => pings;
}

Deno.test("the server pings by control frame each heartbeatMs; a pong is life enough", () => {
  const clock = new FakeClock();
  return served(async (server) => {
    const client = await server.connect(await server.join("ada"));
    const pings = countPings(client);
    assert.equal(client.frames[0].data.heartbeatMs, INTERVAL);
    for (let round = 1; round <= 5; round++) {
      await clock.advance(INTERVAL);
      // The pong goes before it on the same connection.
      await client.settle();
      assert.equal(pings(), round);
    }
  }, { clock });
});

Deno.test("any frame counts: a command, a ping of the client's own, a broken one", () => {
  const clock = new FakeClock();
  return served(async (server) => {
    const client = await server.open({ autoPong: false });
    const { token } = await server.join("ada");
    await client.command("hello", { token });
    const pings = countPings(client);
    const signs = [
      () => client.settle(),
      async () => {
        const pong = new Promise((resolve) =>
          client.socket.once("pong", resolve)
        );
        client.socket.ping();
        await pong;
      },
      async () => {
        const from = client.frames.length;
        client.send("{");
        await client.until(({ type }) => type === "reply", from);
      },
    ];
    for (const sign of [...signs, ...signs]) {
      await clock.advance(2 * INTERVAL - 2_000);
      await sign();
    }
    assert.ok(pings() > 0);
  }, { clock });
});

Deno.test("silence over two intervals is death: bye, 4009, and gone from every index", () => {
  const clock = new FakeClock();
  return served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada);
    const lively = await server.connect(bob);
    const silent = await server.open({ autoPong: false });
    await silent.command("hello", { token: ada.token });
    await clock.advance(2 * INTERVAL - 1_000);
    assert.equal(server.realtime.sockets, 2);
    await lively.settle();
    await clock.advance(1_000);
    assert.equal(server.realtime.sockets, 1);
    assert.equal(server.realtime.hub.topic(room), undefined);
    await saidBye(silent, 4009, true);
    await lively.settle();
  }, { clock });
});
