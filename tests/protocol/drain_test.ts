// The end of a server, as its clients see it.
import assert from "node:assert/strict";
import { LIMITS } from "../../kv/limits.ts";
import type { Client } from "./client.ts";
import { saidBye } from "./endings.ts";
import { test } from "./world.ts";

test("a server that stops says bye with 4001, to come back, to every socket whatever its state", (served) => {
  const clients: Client[] = [];
  return served(async (server) => {
    const ada = await server.join("ada");
    clients.push(
      await server.connect(ada),
      await server.connect(ada, { batch: true }),
      await server.open(),
      await server.open({ headers: { Authorization: `Bearer ${ada.token}` } }),
    );
    server.realtime.drain();
    for (const client of clients) {
      await saidBye(client, 4001, true);
      const { afterMs } = client.frames.at(-1).data;
      assert.ok(afterMs >= 0 && afterMs <= 5_000);
    }
    assert.equal(server.realtime.sockets, 0);
    // Who comes too late is sent on.
    const late = await server.open();
    await saidBye(late, 4001, true);
  });
});

test("what was acknowledged before a stop is there when the bye comes", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    const client = await server.connect(ada);
    const sent = Array.from(
      { length: LIMITS.commandsInFlight },
      (_, count) => client.ask("message.send", { room, text: `${count}` }),
    );
    const answers = Promise.allSettled(sent);
    await sent[0];
    server.realtime.drain();
    await saidBye(client, 4001, true);
    const acknowledged = (await answers).filter(({ status }) =>
      status === "fulfilled"
    );
    const { body } = await server.ask(ada, "GET", `/rooms/${room}`);
    assert.ok(acknowledged.length >= 1 && body.n >= acknowledged.length);
  }));
