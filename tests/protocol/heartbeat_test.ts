// The heartbeat on the wire: who is pinged when, what counts as life, and how silence ends.
import assert from "node:assert/strict";
import { LIMITS } from "../../kv/limits.ts";
import { FakeClock } from "../fake_clock.ts";
import type { Client } from "./client.ts";
import { saidBye, untilSockets } from "./endings.ts";
import { test } from "./world.ts";

const INTERVAL = LIMITS.heartbeatMs;

function countPings(client: Client): () => number {
  let pings = 0;
  client.socket.on("ping", () => pings++);
  return () => pings;
}

test(
  "the server pings by control frame each heartbeatMs; a pong is life enough",
  (served) => {
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
  },
  {
    unless: {
      native: ["ping_when_asked", (served) => {
        const clock = new FakeClock();
        return served(async (server) => {
          const client = await server.connect(await server.join("ada"));
          const pings = countPings(client);
          assert.equal(client.frames[0].data.heartbeatMs, INTERVAL);
          // The runtime goes by its own clock, which no test turns: tests/sockets shows it ping.
          for (let round = 0; round < 5; round++) await clock.advance(INTERVAL);
          await client.settle();
          assert.equal(pings(), 0);
        }, { clock });
      }],
    },
  },
);

test("any frame counts: a command, a ping of the client's own, a broken one", (served) => {
  const clock = new FakeClock();
  return served(async (server) => {
    const client = await server.open({ autoPong: false });
    const { token } = await server.join("ada");
    await client.command("hello", { token });
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
  }, { clock });
});

test(
  "silence over two intervals is death: bye, 4009, and gone from every index",
  (served) => {
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
  },
  {
    unless: {
      native: ["ping_when_asked", (served) => {
        const clock = new FakeClock();
        return served(async (server) => {
          const ada = await server.join("ada");
          const room = await server.group(ada);
          const silent = await server.open({ autoPong: false });
          await silent.command("hello", { token: ada.token });
          // Whom the runtime keeps is alive; whom it gives up is gone at once.
          for (let round = 0; round < 5; round++) await clock.advance(INTERVAL);
          assert.equal(server.realtime.sockets, 1);
          await silent.terminate();
          await untilSockets(server, 0);
          assert.equal(server.realtime.hub.topic(room), undefined);
        }, { clock });
      }],
    },
  },
);
