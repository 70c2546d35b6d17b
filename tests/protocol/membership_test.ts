// Rooms that come and go on a live socket: room.added, room.removed, subscribing, and that who may not read gets nothing.
import assert from "node:assert/strict";
import { createRoom } from "../../kv/rooms/create.ts";
import { deleteRoom } from "../../kv/rooms/deletion.ts";
import { joinRoom } from "../../kv/rooms/join.ts";
import { addToRoom, removeFromRoom } from "../../kv/rooms/members.ts";
import { FakeClock } from "../fake_clock.ts";
import type { Client, Frame } from "./client.ts";
import { holding } from "./held_store.ts";
import { doAs, onAnotherDevice, range, say } from "./people.ts";
import { type Person, type Served, test } from "./world.ts";

/** Waits for `room.added` of a room; the `nth`, counted from 1. */
async function added(client: Client, room: string, nth = 1): Promise<Frame> {
  let from = 0;
  for (let count = 1;; count++) {
    const frame = await client.until(
      ({ type, data }) => type === "room.added" && data.id === room,
      from,
    );
    if (count === nth) return frame;
    from = client.frames.indexOf(frame) + 1;
  }
}

function removed(client: Client, room: string, from = 0): Promise<Frame> {
  return client.until(
    (frame) => frame.type === "room.removed" && frame.room === room,
    from,
  );
}

function makeChannel(server: Served, who: Person): Promise<{ id: string }> {
  return doAs(server, who, createRoom, { type: "channel", name: "news" });
}

test("room.added, a room as in my list, comes to all sockets of who was added; later events follow", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const sockets = [
      await server.connect(bob),
      await server.connect(bob, { batch: true }),
      await server.connect(await onAnotherDevice(server, bob)),
    ];
    const room = await server.group(ada);
    await say(server, ada, room, "before");
    await doAs(server, ada, addToRoom, { room, userId: bob.id });
    for (const socket of sockets) {
      const { data } = await added(socket, room);
      const { body } = await server.ask(bob, "GET", "/rooms");
      assert.deepEqual(data, body.items[0]);
    }
    const [seq] = await say(server, ada, room, "after");
    for (const socket of sockets) {
      await socket.event(room, seq!);
      await socket.settle();
      assert.deepEqual(socket.events(room).map((event) => event.seq), [seq]);
    }
  }));

test("room.removed is the last frame of a room, with why: left, removed, deleted", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const sockets = [await server.connect(bob), await server.connect(bob)];
    const ends: Record<string, (room: string) => Promise<unknown>> = {
      left: (room) => sockets[0]!.command("room.leave", { room }),
      removed: (room) =>
        doAs(server, ada, removeFromRoom, { room, userId: bob.id }),
      deleted: (room) => doAs(server, ada, deleteRoom, { room }),
    };
    for (const [reason, end] of Object.entries(ends)) {
      const room = await server.group(ada, bob);
      for (const socket of sockets) await added(socket, room);
      await say(server, ada, room, "before");
      await end(room);
      if (reason !== "deleted") await say(server, ada, room, "after");
      for (const socket of sockets) {
        assert.deepEqual((await removed(socket, room)).data, { reason });
        await socket.settle();
        const about = socket.frames.filter((frame) => frame.room === room);
        assert.equal(about.at(-1).type, "room.removed", reason);
        assert.equal(
          about.at(-2).type,
          {
            left: "member.left",
            removed: "member.left",
            deleted: "room.deleted",
          }[reason],
        );
      }
    }
  }));

test("who comes back is told by room.added again, and follows from there", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    // Listed by hello to one, added to the other.
    const listed = await server.connect(bob);
    const cara = await server.join("cara");
    const late = await server.connect(cara);
    await doAs(server, ada, addToRoom, { room, userId: cara.id });
    await added(late, room);
    for (
      const [who, socket, nth] of [[bob, listed, 1], [cara, late, 2]] as const
    ) {
      await doAs(server, ada, removeFromRoom, { room, userId: who.id });
      await removed(socket, room);
      await say(server, ada, room, "meanwhile");
      await doAs(server, ada, addToRoom, { room, userId: who.id });
      const { data } = await added(socket, room, nth);
      const [seq] = await say(server, ada, room, "back");
      await socket.event(room, seq!);
      assert.equal(seq, data.seq + 1);
    }
  }));

test("nothing above a removal's seq reaches the removed, whatever is sent around it", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    const [a, b] = [
      await server.connect(ada, { batch: true }),
      await server.connect(bob, { batch: true }),
    ];
    for (let round = 0; round < 300; round++) {
      const from = b.frames.length;
      const texts = ["1", "2", "3"].slice(round % 4);
      await Promise.all([
        say(server, ada, room, ...texts),
        doAs(server, ada, removeFromRoom, { room, userId: bob.id }),
        say(server, ada, room, ...texts, "secret"),
      ]);
      await removed(b, room, from);
      if (round % 3 === 0) await say(server, ada, room, "secret, too");
      await doAs(server, ada, addToRoom, { room, userId: bob.id });
      await b.until(({ type }) => type === "room.added", from);
      const frames = b.frames.slice(from);
      const end = frames.findIndex(({ type }) => type === "room.removed");
      const back = frames.findIndex(({ type }) => type === "room.added");
      assert.ok(back > end);
      const until = frames.slice(0, back).filter((frame) =>
        frame.room === room
      );
      assert.equal(until.at(-1), frames[end]);
      assert.equal(until.at(-2).type, "member.left");
    }
    const [last] = await say(server, ada, room, "end");
    await Promise.all([a.event(room, last!), b.event(room, last!)]);
    const seqs = a.events(room).map(({ seq }) => seq);
    assert.deepEqual(seqs, range(seqs[0], last!), "nobody else misses any");
  }));

test("removed and added again at once: the client ends up in the room, live", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    const b = await server.connect(bob);
    for (let round = 0; round < 100; round++) {
      const from = b.frames.length;
      await doAs(server, ada, removeFromRoom, { room, userId: bob.id });
      await doAs(server, ada, addToRoom, { room, userId: bob.id });
      await removed(b, room, from);
      await b.until(({ type }) => type === "room.added", from);
      const [seq] = await say(server, ada, room, "hi");
      await b.event(room, seq!);
    }
  }));

test("a removal while hello, resume or room.subscribe reads the room ends what they start", async (served) => {
  const store = await holding();
  await served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    const a = await server.connect(ada);
    const epoch = a.frames[0].data.rooms[0].epoch;
    for (const type of ["hello", "resume", "room.subscribe"] as const) {
      for (const returns of [false, true]) {
        const b = await server.open();
        if (type !== "hello") await b.command("hello", { token: bob.token });
        // Read as a member's, and not answered yet.
        const held = store.hold(({ what, key }) =>
          what === "read" && key[1] === bob.id && key[2] === "w"
        );
        const asked = b.ask(
          type,
          {
            hello: { token: bob.token },
            resume: { rooms: { [room]: { epoch, seq: 3 } } },
            "room.subscribe": { room, after: 3 },
          }[type],
        );
        await held.reached;
        const from = a.frames.length;
        await doAs(server, ada, removeFromRoom, { room, userId: bob.id });
        await a.until(({ type }) => type === "member.left", from);
        if (returns) {
          await doAs(server, ada, addToRoom, { room, userId: bob.id });
        }
        await held.release();
        await asked;
        const [secret] = await say(server, ada, room, "secret");
        if (returns) await b.event(room, secret!);
        await b.settle();
        await b.settle();
        const heard = b.frames.some(({ data }) => data?.text === "secret");
        assert.equal(heard, returns, `${type}, came back: ${returns}`);
        if (!returns) {
          const told = b.frames.findLastIndex((frame) =>
            frame.type === "room.removed"
          );
          const reply = await asked;
          const listed = reply.ok && (type === "room.subscribe" ||
            reply.data.rooms.length > 0);
          assert.ok(!listed || told > b.frames.indexOf(reply), type);
          await doAs(server, ada, addToRoom, { room, userId: bob.id });
        }
        await b.terminate();
      }
    }
  }, { store });
});

test("room.unsubscribe stops a room's events, room.subscribe starts them, after= from where one was", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    const b = await server.connect(bob);
    await b.command("room.unsubscribe", { room });
    const missed = await say(server, ada, room, "1", "2");
    await b.settle();
    assert.deepEqual(b.events(room), []);

    const { room: shown } = await b.command("room.subscribe", { room });
    assert.equal(shown.seq, missed[1]);
    const [live] = await say(server, ada, room, "3");
    await b.event(room, live!);
    assert.deepEqual(b.events(room).map(({ seq }) => seq), [live]);

    const from = b.frames.length;
    await b.command("room.subscribe", { room, after: missed[0]! - 1 });
    const { data } = await b.until(({ type }) => type === "room.live");
    assert.equal(data.seq, live);
    assert.deepEqual(
      b.frames.slice(from).flatMap(({ seq }) => seq ?? []),
      [...missed, live],
    );
    const ahead = await b.command("room.subscribe", { room, after: 999 });
    assert.deepEqual(ahead.gap, {
      room,
      reason: "ahead",
      have: 999,
      head: live,
    });
    const [next] = await say(server, ada, room, "4");
    await b.event(room, next!);
  }));

test("an unsubscribed room stays one's own: it is neither added again nor silent when it ends", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    const b = await server.connect(bob);
    await b.command("room.unsubscribe", { room });
    await b.command("message.send", { room, text: "hi" });
    await b.settle();
    assert.ok(b.frames.every(({ type }) => type === "reply"));
    await doAs(server, ada, removeFromRoom, { room, userId: bob.id });
    await removed(b, room);
    await doAs(server, ada, addToRoom, { room, userId: bob.id });
    await added(b, room);
    const [seq] = await say(server, ada, room, "hi");
    await b.event(room, seq!);
  }));

test("a stranger reads a channel, but neither subscribes nor sends, and hears nothing", (served) =>
  served(async (server) => {
    const [ada, eve] = [await server.join("ada"), await server.join("eve")];
    const { id: room } = await makeChannel(server, ada);
    const e = await server.connect(eve);
    await say(server, ada, room, "hi");
    const { items } = await e.command("room.history", { room });
    assert.deepEqual(items.map(({ text }: Frame) => text), ["hi"]);
    for (
      const [type, data] of [
        ["room.subscribe", { room }],
        ["message.send", { room, text: "hi" }],
        ["receipt.read", { room, seq: 1 }],
      ] as const
    ) assert.equal((await e.ask(type, data)).error.code, "forbidden", type);
    await say(server, ada, room, "again");
    await e.settle();
    assert.deepEqual(e.events(room), []);
    await e.command("room.join", { room });
    await added(e, room);
    const [seq] = await say(server, ada, room, "welcome");
    await e.event(room, seq!);
  }));

test("what one may not see and what does not exist get the same answer to every command on a room", (served) =>
  served(async (server) => {
    const [ada, eve] = [await server.join("ada"), await server.join("eve")];
    const theirs = await server.group(ada);
    const [seq] = await say(server, ada, theirs, "hi");
    const { body } = await server.ask(ada, "GET", `/rooms/${theirs}/messages`);
    const [{ id: messageId }] = body.items;
    const e = await server.connect(eve);
    const errorOf = async (type: string, room: string, more: object) => {
      const { ok, error } = await e.ask(type, { room, ...more });
      assert.equal(ok, false, type);
      return error;
    };
    for (
      const [type, more] of Object.entries({
        "message.send": { text: "hi" },
        "message.get": { messageId },
        "message.edit": { messageId, text: "x" },
        "message.delete": { messageId },
        "receipt.read": { seq },
        "room.get": {},
        "room.update": { name: "x" },
        "room.delete": {},
        "room.join": {},
        "room.leave": {},
        "room.history": {},
        "room.subscribe": { after: 1 },
        "member.list": {},
        "member.add": { userId: eve.id },
        "member.update": { userId: ada.id, role: "guest" },
        "member.remove": { userId: ada.id },
      })
    ) {
      const error = await errorOf(type, theirs, more);
      assert.equal(error.code, "not_found", type);
      assert.deepEqual(await errorOf(type, "nowhere", more), error);
    }
    const { body: after } = await server.ask(ada, "GET", `/rooms/${theirs}`);
    assert.equal(after.seq, seq);
  }));

test("sleep: an isolate that missed the feed finds rooms that came and the removal that happened", (served) => {
  const clock = new FakeClock();
  return served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    const b = await server.connect(bob);
    const { listener } = server.core.feed;
    server.core.feed.listener(() => {});
    await say(server, ada, room, "slept through");
    await doAs(server, ada, removeFromRoom, { room, userId: bob.id });
    const { id } = await makeChannel(server, ada);
    await doAs(server, bob, joinRoom, { room: id });
    listener.call(
      server.core.feed,
      (rings) => server.realtime.follower.hear(rings),
    );
    await server.realtime.follower.missed();
    await removed(b, room);
    await added(b, id);
    assert.equal(b.events(room).at(-1).type, "member.left");
  }, { clock });
});
