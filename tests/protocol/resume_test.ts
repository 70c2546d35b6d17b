// Coming back: the missing events of each room in order, then room.live, then live ones; gaps are said.
import assert from "node:assert/strict";
import { LIMITS } from "../../kv/limits.ts";
import { createRoom } from "../../kv/rooms/create.ts";
import { addToRoom, removeFromRoom } from "../../kv/rooms/members.ts";
import type { Client, Frame } from "./client.ts";
import { doAs, range, say } from "./people.ts";
import { type Person, type Served, test } from "./world.ts";

interface Place {
  readonly epoch: string;
  readonly seq: number;
}

/** What a client would remember of its rooms right now. */
async function placesOf(
  server: Served,
  who: Person,
): Promise<Record<string, Place>> {
  const client = await server.connect(who);
  const { rooms } = client.frames[0].data;
  await client.terminate();
  return Object.fromEntries(
    rooms.map(({ id, epoch, seq }: Frame) => [id, { epoch, seq }]),
  );
}

/** Waits for `room.live` of a room; answers the numbers of its durable events before and after. */
async function liveAt(
  client: Client,
  room: string,
): Promise<{ live: number; before: number[]; after: number[] }> {
  const live = await client.until((frame) =>
    frame.type === "room.live" && frame.room === room
  );
  const at = client.frames.indexOf(live);
  const numbers = (frames: Frame[]) =>
    frames.filter((frame) => frame.room === room && frame.seq !== undefined)
      .map(({ seq }) => seq);
  return {
    live: live.data.seq,
    before: numbers(client.frames.slice(0, at)),
    after: numbers(client.frames.slice(at)),
  };
}

test("the missing events follow in order, then room.live, then live ones", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    const resume = await placesOf(server, bob);
    const from = resume[room]!.seq;
    const a = await server.connect(ada);
    const { messageId } = await a.command("message.send", { room, text: "1" });
    await a.command("message.edit", { room, messageId, text: "one" });
    const other = await a.command("message.send", { room, text: "2" });
    await a.command("message.delete", { room, messageId: other.messageId });
    await a.command("room.update", { room, name: "Room" });

    const b = await server.connect(bob, { resume });
    const { rooms, resumed, gaps } = b.frames[0].data;
    assert.deepEqual([resumed, gaps], [[room], []]);
    assert.equal(rooms[0].seq, from + 5);
    const { live, before } = await liveAt(b, room);
    assert.equal(live, from + 5);
    assert.deepEqual(before, range(from + 1, from + 5));
    assert.deepEqual(b.events(room).map(({ type }) => type), [
      "message.created",
      "message.updated",
      "message.created",
      "message.deleted",
      "room.updated",
    ]);
    // What was taken back is gone from the replay, too.
    assert.deepEqual(
      b.events(room).map(({ data }) => data.text),
      ["one", "one", undefined, undefined, undefined],
    );
    const [next] = await say(server, ada, room, "live");
    await b.event(room, next!);
    assert.deepEqual(b.events(room).at(-1).seq, from + 6);
    const lives = b.frames.filter(({ type }) => type === "room.live");
    assert.equal(lives.length, 1);
  }));

test("who missed nothing gets room.live alone", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    const resume = await placesOf(server, ada);
    const client = await server.connect(ada, { resume });
    const { live, before } = await liveAt(client, room);
    assert.deepEqual([live, before], [resume[room]!.seq, []]);
  }));

test("a room that is not resumed has no replay and no room.live", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    await say(server, ada, room, "before");
    const client = await server.connect(ada);
    const [seq] = await say(server, ada, room, "after");
    await client.event(room, seq!);
    await client.settle();
    assert.deepEqual(
      client.frames.map(({ type }) => type),
      ["reply", "message.created", "reply"],
    );
  }));

test("a wrong epoch and a future seq are gaps without a replay; live events go on after head", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const wrong = await server.group(ada, bob);
    const future = await server.group(ada, bob);
    await say(server, ada, wrong, "1", "2");
    const places = await placesOf(server, bob);
    const client = await server.connect(bob, {
      resume: {
        [wrong]: { epoch: "other", seq: 1 },
        [future]: { ...places[future], seq: 1_000 },
      },
    });
    const { gaps, resumed } = client.frames[0].data;
    assert.deepEqual(resumed, []);
    const bySeq = gaps.toSorted((a: Frame, b: Frame) => a.have - b.have);
    assert.deepEqual(bySeq, [
      { room: wrong, reason: "epoch", have: 1, head: places[wrong]!.seq },
      { room: future, reason: "ahead", have: 1_000, head: places[future]!.seq },
    ]);
    for (const { room, head } of gaps) {
      const [seq] = await say(server, ada, room, "live");
      assert.equal(seq, head + 1);
      await client.event(room, seq!);
      assert.equal(client.events(room).length, 1);
    }
    assert.ok(client.frames.every(({ type }) => type !== "room.live"));
  }));

test("who left gets a gap without head; who came back gets one up to head: what was said between is not replayed", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const gone = await server.group(ada, bob);
    const back = await server.group(ada, bob);
    const resume = await placesOf(server, bob);
    for (const room of [gone, back]) {
      await doAs(server, ada, removeFromRoom, { room, userId: bob.id });
      await say(server, ada, room, "not for bob");
    }
    await doAs(server, ada, addToRoom, { room: back, userId: bob.id });
    await say(server, ada, back, "for bob");

    const client = await server.connect(bob, { resume });
    const { rooms, gaps, resumed } = client.frames[0].data;
    assert.deepEqual(rooms.map(({ id }: Frame) => id), [back]);
    assert.deepEqual(resumed, []);
    assert.deepEqual(
      gaps.toSorted((a: Frame) => a.room === gone ? -1 : 1),
      [
        { room: gone, reason: "left", have: resume[gone]!.seq },
        {
          room: back,
          reason: "left",
          have: resume[back]!.seq,
          head: rooms[0].seq,
        },
      ],
    );
    const [seq] = await say(server, ada, back, "live");
    await say(server, ada, gone, "still not for bob");
    await client.event(back, seq!);
    await client.settle();
    assert.deepEqual(client.events(gone), []);
    assert.deepEqual(client.events(back).map((event) => event.seq), [seq]);
  }));

test("a place of a room beyond the first page holds until its page", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    for (let made = 0; made < LIMITS.roomsPerHello + 5; made++) {
      const { id } = await doAs(server, ada, createRoom, { type: "group" });
      await say(server, ada, id, "hi");
    }
    const first = await server.connect(ada);
    const { nextCursor } = first.frames[0].data;
    const { rooms } = await first.command("resume", { cursor: nextCursor });
    await first.terminate();
    const places = rooms.slice(0, 4).map(({ id, epoch, seq }: Frame) => [
      id,
      { epoch, seq: seq - 1 },
    ]);

    // Three of them in hello, one with its page, which also says more of another.
    const client = await server.connect(ada, {
      resume: Object.fromEntries(places.slice(0, 3)),
    });
    assert.deepEqual(client.frames[0].data.resumed, []);
    assert.deepEqual(client.frames[0].data.gaps, []);
    const [late, place] = places[3];
    const again = places[0][0];
    const page = await client.command("resume", {
      cursor: nextCursor,
      rooms: { [late]: place, [again]: { ...places[0][1], epoch: "other" } },
    });
    assert.deepEqual(
      page.resumed.toSorted(),
      [places[1][0], places[2][0], late].toSorted(),
    );
    assert.deepEqual(
      page.gaps.map(({ room, reason }: Frame) => [room, reason]),
      [[again, "epoch"]],
    );
    for (const room of page.resumed) {
      assert.equal((await liveAt(client, room)).before.length, 1);
    }
  }));

test("resume without a cursor resumes rooms that were listed before", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    await say(server, ada, room, "1", "2", "3");
    const client = await server.connect(ada);
    const [{ epoch, seq }] = client.frames[0].data.rooms;
    const { resumed, rooms } = await client.command("resume", {
      rooms: { [room]: { epoch, seq: seq - 2 }, unknown: { epoch, seq } },
    });
    assert.deepEqual([resumed, rooms.length], [[room], 1]);
    const { before } = await liveAt(client, room);
    assert.deepEqual(before, [seq - 1, seq]);
    const [next] = await say(server, ada, room, "live");
    await client.event(room, next!);
    await client.settle();
    assert.deepEqual(client.events(room).map((event) => event.seq), [
      seq - 1,
      seq,
      next,
    ]);
  }));

test("many rooms are replayed side by side, each in order and whole", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const rooms: string[] = [];
    for (let made = 0; made < 6; made++) {
      rooms.push(await server.group(ada, bob));
    }
    const resume = await placesOf(server, bob);
    const texts = Array.from({ length: 1_200 }, (_, i) => `${i}`);
    for (const room of rooms) await say(server, ada, room, ...texts);
    const client = await server.connect(bob, { resume, batch: true });
    for (const room of rooms) {
      const { live, before } = await liveAt(client, room);
      const from = resume[room]!.seq;
      assert.equal(live, from + 1_200);
      assert.deepEqual(before, range(from + 1, from + 1_200));
    }
    const order = client.frames.filter(({ type }) => type === "message.created")
      .map(({ room }) => room);
    const switches = order.filter((room, at) => room !== order[at - 1]).length;
    assert.ok(switches > rooms.length, "one after the other");
  }));

test("what is sent during a resume is neither missing nor doubled", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    let place = (await placesOf(server, bob))[room]!;
    for (let round = 0; round < 200; round++) {
      await say(server, ada, room, ..."missed".slice(round % 6));
      const client = await server.open();
      const greeting = client.command("hello", {
        token: bob.token,
        resume: { [room]: place },
        batch: round % 2 === 0,
      });
      const sent: number[] = [];
      for (let count = 0; count < 1 + round % 5; count++) {
        sent.push(...await say(server, ada, room, "a", "b", "c"));
      }
      assert.deepEqual((await greeting).resumed, [room]);
      const last = Math.max(...sent);
      await client.event(room, last);
      const { live, before } = await liveAt(client, room);
      await client.settle();
      const { after } = await liveAt(client, room);
      assert.deepEqual([...before, ...after], range(place.seq + 1, last));
      assert.equal(before.at(-1), live);
      await client.terminate();
      place = { ...place, seq: last };
    }
  }));

test("10,000 missed messages all come, in order", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    const resume = await placesOf(server, bob);
    const from = resume[room]!.seq;
    for (let part = 0; part < 10; part++) {
      await say(server, ada, room, ..."m".repeat(1_000));
    }
    const client = await server.connect(bob, { resume, batch: true });
    const { live, before } = await liveAt(client, room);
    assert.equal(live, from + 10_000);
    assert.deepEqual(before, range(from + 1, from + 10_000));
  }));
