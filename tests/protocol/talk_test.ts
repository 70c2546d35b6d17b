// Two people talking, the shortest story there is.
import assert from "node:assert/strict";
import { test } from "./world.ts";

test("two people in a group get each other's messages, in one order", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const bob = await server.join("bob");
    const [a, b] = [
      await server.connect(ada),
      await server.connect(bob, { batch: true }),
    ];
    const room = await server.group(ada, bob);
    await b.until((frame) => frame.type === "room.added");
    const sent = await a.command("message.send", {
      room,
      clientId: "1",
      text: "hi",
    });
    await b.command("message.send", { room, clientId: "1", text: "yo" });
    const { seq } = await b.event(room, sent.seq + 1);
    await a.event(room, seq);
    assert.deepEqual(a.events(room), b.events(room));
    assert.deepEqual(
      a.events(room).map(({ data }) => [data.n, data.text]),
      [[1, "hi"], [2, "yo"]],
    );
  }));

test("the reply to a message comes before its event", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const a = await server.connect(ada);
    const room = await server.group(ada);
    await a.until((frame) => frame.type === "room.added");
    const { seq } = await a.command("message.send", { room, text: "hi" });
    await a.event(room, seq);
    const kinds = a.frames.slice(-2).map(({ type }) => type);
    assert.deepEqual(kinds, ["reply", "message.created"]);
  }));
