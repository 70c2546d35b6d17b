// hello and its pages: which rooms are listed, how, and that each is live from there.
import assert from "node:assert/strict";
import { LIMITS } from "../../kv/limits.ts";
import { createRoom } from "../../kv/rooms/create.ts";
import { FakeClock } from "../fake_clock.ts";
import type { Client, Frame } from "./client.ts";
import { untilSockets } from "./endings.ts";
import { holding } from "./held_store.ts";
import { doAs, range, say } from "./people.ts";
import { type Person, type Served, test } from "./world.ts";

/** Makes groups of one's own, one after the other; answers their ids, latest activity first. */
async function makeRooms(
  server: Served,
  who: Person,
  count: number,
): Promise<string[]> {
  const rooms: string[] = [];
  for (let made = 0; made < count; made++) {
    const { id } = await doAs(server, who, createRoom, { type: "group" });
    rooms.unshift(id);
  }
  return rooms;
}

function idsOf(rooms: readonly Frame[]): string[] {
  return rooms.map(({ id }) => id);
}

/** Says hello on a fresh socket and answers the reply's data besides the client. */
async function greet(
  server: Served,
  who: Person,
  hello: Record<string, unknown> = {},
): Promise<{ client: Client; welcome: Frame }> {
  const client = await server.open();
  const data = { token: who.token, ...hello };
  return { client, welcome: await client.command("hello", data) };
}

test("hello answers session, user, heartbeatMs, limits and rooms", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(bob, ada);
    const [seq] = await say(server, bob, room, "hi");
    const { welcome } = await greet(server, ada);
    assert.deepEqual(Object.keys(welcome).sort(), [
      "gaps",
      "heartbeatMs",
      "limits",
      "resumed",
      "rooms",
      "session",
      "user",
    ]);
    assert.equal(welcome.heartbeatMs, 25_000);
    assert.equal(welcome.user.username, "ada");
    assert.deepEqual(welcome.limits, {
      frameBytes: 131_072,
      textCodePoints: 8_000,
      commandsInFlight: 64,
      socketsPerUser: 100,
      roomsPerUser: 5_000,
      batchFrames: 500,
      batchBytes: 65_536,
    });
    const [listed] = welcome.rooms;
    assert.deepEqual(
      [listed.id, listed.seq, listed.n, listed.unread, listed.role],
      [room, seq, 1, 1, "member"],
    );
    assert.equal(listed.lastMessage.text, "hi");
    const { body } = await server.ask(ada, "GET", "/rooms");
    assert.deepEqual(welcome.rooms, body.items, "as in my list");
  }));

test("frames begin with type, then id or room and seq", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const client = await server.open();
    const raw: string[] = [];
    client.socket.on("message", (data) => raw.push(data.toString()));
    await client.command("hello", { token: ada.token });
    const room = await server.group(ada);
    await client.until(({ type }) => type === "room.added");
    const { seq } = await client.command("message.send", { room, text: "hi" });
    await client.event(room, seq);
    await client.command("room.leave", { room }).catch(() => {});
    await server.ask(ada, "DELETE", `/rooms/${room}`);
    await client.until(({ type }) => type === "room.removed");
    for (const text of raw) {
      assert.match(
        text,
        /^\{"type":"(reply","id":"\d+","ok":|[a-z.]+","room":"[^"]+",("seq":\d+,)?"|[a-z]+\.[a-z]+","data":)/,
      );
    }
    assert.ok(raw.every((text) => text === JSON.stringify(JSON.parse(text))));
  }));

test("hello lists the latest activity first, 200 rooms, and resume the next 200", (served) => {
  const clock = new FakeClock();
  return served(async (server) => {
    const ada = await server.join("ada");
    const rooms: string[] = [];
    for (let made = 0; made < 2 * LIMITS.roomsPerHello + 3; made++) {
      rooms.push(...await makeRooms(server, ada, 1));
      await clock.advance(1);
    }
    await say(server, ada, rooms[7]!, "hi");
    const expected = [rooms[7]!, ...rooms.toReversed()]
      .filter((room, at, all) => all.indexOf(room) === at);

    const { client, welcome } = await greet(server, ada);
    assert.deepEqual(idsOf(welcome.rooms), expected.slice(0, 200));
    const second = await client.command("resume", {
      cursor: welcome.nextCursor,
    });
    assert.deepEqual(idsOf(second.rooms), expected.slice(200, 400));
    const third = await client.command("resume", { cursor: second.nextCursor });
    assert.deepEqual(idsOf(third.rooms), expected.slice(400));
    assert.equal(third.nextCursor, undefined);
  }, { clock });
});

test("a cursor that is none is invalid", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const { client } = await greet(server, ada);
    for (const cursor of ["x", "-1", "1.5", "1e9", "99", "NaN", " "]) {
      const { error } = await client.ask("resume", { cursor });
      assert.equal(error?.code, "invalid", cursor);
    }
  }));

test("a room that moves between two pages is not lost, a new one is added, each is listed once", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const rooms = await makeRooms(server, ada, LIMITS.roomsPerHello + 20);
    const { client, welcome } = await greet(server, ada);
    const ahead = rooms.filter((id) => !idsOf(welcome.rooms).includes(id));
    const [moved] = ahead;
    const [first] = await say(server, ada, moved!, "moves up");
    const [added] = await makeRooms(server, ada, 1);
    await client.until(({ type, data }) =>
      type === "room.added" && data.id === added
    );
    const page = await client.command("resume", { cursor: welcome.nextCursor });
    assert.deepEqual(
      [...idsOf(welcome.rooms), ...idsOf(page.rooms)].sort(),
      rooms.toSorted(),
    );
    const listed = page.rooms.find(({ id }: Frame) => id === moved);
    assert.equal(listed.seq, first);
    assert.deepEqual(
      client.events(moved!),
      [],
      "not live before it was listed",
    );
    const [second] = await say(server, ada, moved!, "live");
    await client.event(moved!, second!);
    assert.deepEqual(client.events(moved!).map(({ seq }) => seq), [second]);
  }));

test("a room is live from where it was listed: what is committed while hello is answered comes exactly once", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    for (let round = 0; round < 150; round++) {
      const client = await server.open();
      const hello = client.command("hello", {
        token: bob.token,
        batch: round % 2 === 0,
      });
      const seqs: number[] = [];
      for (let count = 0; count < 1 + round % 4; count++) {
        seqs.push(...await say(server, ada, room, "one", "two"));
      }
      const { rooms } = await hello;
      const last = Math.max(...seqs, rooms[0].seq);
      if (last > rooms[0].seq) await client.event(room, last);
      await client.settle();
      assert.deepEqual(
        client.events(room).map(({ seq }) => seq),
        range(rooms[0].seq + 1, last),
      );
      await client.terminate();
    }
  }));

test("events right after hello's reply arrive, even before the client looked at it", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    const client = await server.open();
    // All in one go: nothing waits for the reply.
    const hello = client.command("hello", { token: ada.token });
    const { rooms } = await hello;
    const sent = client.command("message.send", { room, text: "hi" });
    const { seq } = await sent;
    assert.equal(seq, rooms[0].seq + 1);
    await client.event(room, seq);
    assert.equal(client.events(room).length, 1);
  }));

test("a room one is added to while hello is answered is listed or added, once", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    for (let round = 0; round < 60; round++) {
      const client = await server.open();
      const hello = client.command("hello", { token: bob.token });
      const { id } = await doAs(server, ada, createRoom, {
        type: "group",
        members: [bob.id],
      });
      const { rooms } = await hello;
      const listed = idsOf(rooms).filter((room) => room === id).length;
      if (listed === 0) {
        await client.until(({ type, data }) =>
          type === "room.added" && data.id === id
        );
      }
      const [seq] = await say(server, ada, id, "hi");
      await client.event(id, seq!);
      const added = client.frames.filter(({ type, data }) =>
        type === "room.added" && data.id === id
      );
      assert.equal(listed + added.length, 1);
      await client.terminate();
    }
  }));

test("a socket that goes while hello, resume or room.subscribe is being answered is forgotten whole", async (served) => {
  const store = await holding();
  await served(async (server) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    const { hub } = server.realtime;
    for (const key of ["h", "m", "u", "w"]) {
      const client = await server.open();
      const held = store.hold(({ key: at }) => at.includes(key));
      client.send(
        JSON.stringify({ type: "hello", data: { token: ada.token } }),
      );
      await held.reached;
      await client.terminate();
      await untilSockets(server, 0);
      await held.release();
      assert.equal(hub.topic(room), undefined, `hello, held at ${key}`);
    }
    for (
      const command of [
        { type: "room.subscribe", data: { room } },
        { type: "resume", data: { rooms: { [room]: { epoch: "x", seq: 1 } } } },
      ]
    ) {
      const client = await server.connect(ada);
      const held = store.hold(({ key }) => key[0] === "u" && key[2] === "w");
      client.send(JSON.stringify(command));
      await held.reached;
      await client.terminate();
      await untilSockets(server, 0);
      await held.release();
      assert.equal(hub.topic(room), undefined, command.type);
    }
    assert.equal(hub.sockets, 0);
  }, { store });
});

test("as many places as a frame takes, of rooms one is not in, are as many gaps, and nothing is followed", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const theirs = await server.group(await server.join("bob"));
    const resume: Record<string, unknown> = {
      [theirs]: { epoch: "e", seq: 1 },
    };
    for (let count = 1; count < 4_700; count++) {
      resume[count.toString(36)] = { epoch: "e", seq: 1 };
    }
    const { client, welcome } = await greet(server, ada, { resume });
    assert.deepEqual([welcome.rooms, welcome.resumed], [[], []]);
    assert.equal(welcome.gaps.length, 4_700);
    // The same answer for a room that exists and for those that do not.
    assert.ok(
      welcome.gaps.every(({ reason, have, head }: Frame) =>
        reason === "left" && have === 1 && head === undefined
      ),
    );
    assert.equal(server.realtime.hub.topic(theirs), undefined);
    await client.settle();
  }));
