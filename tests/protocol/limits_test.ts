// What a socket may not do: too much, too fast, too large, or nothing that makes sense.
import assert from "node:assert/strict";
import { LIMITS } from "../../kv/limits.ts";
import { RATES } from "../../kv/rates.ts";
import { FakeClock } from "../fake_clock.ts";
import type { Client, Frame } from "./client.ts";
import { saidBye, untilSockets } from "./endings.ts";
import { shakeHands } from "./handshake.ts";
import { range } from "./people.ts";
import { test } from "./world.ts";

/** Sends text as it is, and answers the reply it gets. */
async function reply(client: Client, text: string): Promise<Frame> {
  const from = client.frames.length;
  client.send(text);
  return await client.until(({ type }) => type === "reply", from);
}

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

/** Frames that are no commands, each with the id that can still be read from it. */
const BAD_FRAMES: readonly (readonly [string, string | null])[] = [
  ["", null],
  [" ", null],
  ["{", null],
  ['{"type":"ping","id":"bad1"', null],
  ['{"type":"ping","id":"bad1"}}', null],
  ["{'type':'ping'}", null],
  ["null", null],
  ["true", null],
  ["7", null],
  ['"ping"', null],
  ["[]", null],
  ['[{"type":"ping","id":"bad1"}]', null],
  ["{}", null],
  ['{"id":"bad1"}', "bad1"],
  ['{"type":7,"id":"bad2"}', "bad2"],
  ['{"type":"","id":"bad3"}', "bad3"],
  [`{"type":"${"x".repeat(65)}","id":"bad4"}`, "bad4"],
  ['{"type":"ping","id":7}', null],
  ['{"type":"ping","id":{"a":1}}', null],
  [`{"type":"ping","id":"${"x".repeat(129)}"}`, null],
  ['{"type":"ping","id":"bad5","data":null}', "bad5"],
  ['{"type":"ping","id":"bad6","data":[]}', "bad6"],
  ['{"type":"ping","id":"bad7","data":"x"}', "bad7"],
  [nested(100_000 / 2), null],
  ["[".repeat(100_000), null],
  ['{"a":'.repeat(20_000), null],
  [`{"type":"ping","id":"bad8","data":{"x":${nested(100)}}}`, null],
  ["\u0000", null],
  ["\ufeff{}", null],
];

test("a frame that is no command gets malformed_frame, with a parsable id or null, and the connection stays", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    for (const [text, id] of BAD_FRAMES) {
      const client = await server.connect(ada);
      const { ok, id: echoed, error } = await reply(client, text);
      assert.equal(ok, false, text.slice(0, 99));
      assert.equal(error.code, "malformed_frame", text.slice(0, 99));
      assert.equal(echoed, id, text.slice(0, 99));
      await client.settle();
      await client.terminate();
    }
  }));

test("a binary frame gets malformed_frame, and the connection stays", (served) =>
  served(async (server) => {
    const client = await server.open();
    client.socket.send(new TextEncoder().encode('{"type":"ping"}'));
    const { id, error } = await client.until(({ type }) => type === "reply");
    assert.deepEqual([id, error.code], [null, "malformed_frame"]);
    await client.settle();
  }));

test("an unknown type gets unknown_command, and the connection stays", (served) =>
  served(async (server) => {
    const client = await server.connect(await server.join("ada"));
    const types = [
      "nothing",
      "__proto__",
      "constructor",
      "toString",
      "reply",
      "message.created",
      "user.register",
      "session.refresh",
      "MESSAGE.SEND",
      "message.send ",
      "\ud800",
    ];
    for (const type of types) {
      const { id, error } = await reply(
        client,
        JSON.stringify({ type, id: "1" }),
      );
      assert.deepEqual([id, error.code], ["1", "unknown_command"], type);
    }
    await client.settle();
  }));

for (const scale of ["1", "0"]) {
  test(`bad frames end the connection with 4400 when they repeat, also with RATE_SCALE=${scale}`, (served) =>
    served(async (server) => {
      const kinds: Record<string, (client: Client) => void> = {
        malformed: (client) => client.send("{"),
        binary: (client) => client.socket.send(new Uint8Array(3)),
        unknown: (client) => client.send('{"type":"nothing"}'),
      };
      for (const [kind, send] of Object.entries(kinds)) {
        const client = await server.open();
        for (let count = 1; count < LIMITS.badFrames; count++) send(client);
        // Good ones in between do not make up for them.
        await client.settle();
        send(client);
        await saidBye(client, 4400, false);
        const errors = client.frames.filter(({ ok }) => ok === false);
        assert.equal(errors.length, LIMITS.badFrames, kind);
      }
      await untilSockets(server, 0);
    }, { env: { RATE_SCALE: scale } }));
}

test("a frame of 128 KiB is read, one byte more is 1009", (served) =>
  served(async (server) => {
    const client = await server.open();
    const around = JSON.stringify({ type: "ping", id: "1", data: { x: "" } });
    const fits = around.replace(
      '""',
      `"${"x".repeat(LIMITS.bodyBytes - around.length)}"`,
    );
    assert.equal(fits.length, 128 * 1024);
    assert.equal((await reply(client, fits)).ok, true);
    client.send(`${fits} `);
    assert.equal((await client.closed).code, 1009);
    await untilSockets(server, 0);
  }));

test("commands too fast get rate_limited with retryAfterMs, which is right, then 4029", (served) => {
  const clock = new FakeClock();
  return served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const client = await server.connect(ada);
    const other = await server.connect(ada);
    const ping = () => client.ask("ping");
    // Hello was one.
    for (const _ of range(2, RATES.commands.burst)) {
      assert.equal((await ping()).ok, true);
    }
    const { error } = await ping();
    assert.deepEqual(
      [error.code, error.retryable, error.retryAfterMs],
      ["rate_limited", true, 20],
    );
    await clock.advance(error.retryAfterMs - 1);
    assert.equal((await ping()).error.retryAfterMs, 1);
    await clock.advance(1);
    assert.equal((await ping()).ok, true);
    // By socket: another one of the same user is not concerned.
    await other.settle();
    // A good one in between makes up for a refused one.
    for (const _ of range(1, 99)) void ping().catch(() => {});
    await saidBye(client, 4029, true);
    assert.ok(client.frames.at(-1).data.afterMs > 0);
    await (await server.connect(bob)).settle();
  }, { clock, env: { RATE_SCALE: "1" } });
});

test("messages are limited by user, on all sockets together", (served) => {
  const clock = new FakeClock();
  return served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    const sockets = [await server.connect(ada), await server.connect(ada)];
    const send = (socket: number) =>
      sockets[socket]!.ask("message.send", { room, text: "hi" });
    for (const count of range(1, RATES.messages.burst)) {
      assert.equal((await send(count % 2)).ok, true);
    }
    for (const socket of [0, 1]) {
      const { error } = await send(socket);
      assert.deepEqual([error.code, error.retryAfterMs], ["rate_limited", 50]);
    }
    const b = await server.connect(bob);
    await b.command("message.send", { room, text: "hi" });
    await clock.advance(50);
    assert.equal((await send(0)).ok, true);
    assert.equal((await send(1)).error.code, "rate_limited");
    const { body } = await server.ask(bob, "GET", `/rooms/${room}`);
    assert.equal(body.n, RATES.messages.burst + 2, "what was refused was sent");
  }, { clock, env: { RATE_SCALE: "1" } });
});

test("new sockets are limited by address: HTTP 429 with Retry-After", (served) => {
  const clock = new FakeClock();
  return served(async (server) => {
    for (const _ of range(1, RATES.sockets.burst)) {
      assert.equal((await shakeHands(server.url)).status, 101);
    }
    const { status, headers, problem } = await shakeHands(server.url);
    assert.deepEqual([status, problem.code], [429, "rate_limited"]);
    assert.equal(headers.get("retry-after"), "1");
    await clock.advance(problem.retryAfterMs);
    assert.equal((await shakeHands(server.url)).status, 101);
  }, { clock, env: { RATE_SCALE: "1" } });
});

test("a flood that waits for nothing is refused and cut off, others go on", (served) =>
  served(async (server) => {
    const [ada, eve] = [await server.join("ada"), await server.join("eve")];
    const room = await server.group(ada, eve);
    const [a, e] = [await server.connect(ada), await server.connect(eve)];
    for (let count = 0; count < 5_000; count++) {
      e.send(JSON.stringify({
        type: "message.send",
        data: { room, text: `flood ${count}` },
      }));
    }
    await a.command("message.send", { room, text: "hi" });
    await saidBye(e, 4029, true);
    await a.settle();
    await untilSockets(server, 1);
  }, { env: { RATE_SCALE: "1" } }));
