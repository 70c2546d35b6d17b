// Rooms that share a commit: fewer commits than rooms, one check for each, and nobody pays for another's lost race.
import assert from "node:assert/strict";
import { encodeValue } from "../../kv/values.ts";
import { keys } from "../../kv/keys.ts";
import type { Ring } from "../../kv/log/feed.ts";
import { createRoom } from "../../kv/rooms/create.ts";
import {
  inWorld,
  notStored,
  run,
  storedButCalledLost,
  storedWithoutAnswer,
} from "../accounts/world.ts";
import {
  headOf,
  person,
  roomOf,
  say,
  watchCommits,
  wholeLog,
} from "./world.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

Deno.test("rooms that are written to at once share commits, ten at most, and each has its own check", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const rooms = await Promise.all(numbers(35).map(() => roomOf(core, ada)));
    const commits = watchCommits(store);
    const sent = await Promise.all(
      rooms.map((room) => say(core, room, ada, "hi")),
    );
    assert.deepEqual(
      new Set(sent.map(({ seq, n }) => `${seq} ${n}`)),
      new Set(["3 1"]),
    );
    assert.ok(commits.length <= 8, `${commits.length} commits`);
    for (const { checks, appends } of commits) {
      assert.ok(checks.length <= 10);
      assert.equal(appends?.length, 1);
    }
    const heads = commits.flatMap(({ checks }) =>
      checks.map(({ key }) => key[1])
    );
    assert.deepEqual(heads.toSorted(), rooms.toSorted());
    const feed = await store.list<{ rings: Ring[] }>(keys.feed());
    const rung = feed.flatMap(({ value }) => value.rings).filter((ring) =>
      "room" in ring && ring.seq === 3
    );
    assert.equal(rung.length, rooms.length);
  }));

Deno.test("where one room's race is lost the others' messages are stored, and so is its own", () =>
  inWorld(async ({ core, store, isolate }) => {
    const ada = await person(core, "ada");
    const rooms = await Promise.all(numbers(10).map(() => roomOf(core, ada)));
    await Promise.all(rooms.map((room) => say(core, room, ada, "known")));
    // What this isolate knows of one room is out of date.
    await say(isolate(), rooms[4]!, ada, "from elsewhere");
    const sent = await Promise.all(
      rooms.map((room, i) => say(core, room, ada, "hi", `${i}`)),
    );
    assert.deepEqual(
      sent.map(({ seq, duplicate }) => [seq, duplicate]),
      numbers(10).map((i) => [i === 4 ? 5 : 4, false]),
    );
    for (const [i, room] of rooms.entries()) {
      assert.equal((await wholeLog(store, room)).length, i === 4 ? 5 : 4);
    }
  }));

for (const fault of [storedWithoutAnswer, storedButCalledLost, notStored]) {
  Deno.test(`a shared commit that is ${fault.name} costs no message and doubles none`, () =>
    inWorld(async ({ core, store }) => {
      const ada = await person(core, "ada");
      const rooms = await Promise.all(numbers(12).map(() => roomOf(core, ada)));
      store.faults.push(...numbers(4).map(() => fault));
      const sent = await Promise.all(
        rooms.flatMap((room) => [
          say(core, room, ada, "first", "1"),
          say(core, room, ada, "second", "2"),
        ]),
      );
      assert.ok(sent.every(({ duplicate }) => !duplicate));
      assert.deepEqual(
        sent.map(({ seq }) => seq),
        rooms.flatMap(() => [3, 4]),
      );
      for (const room of rooms) {
        assert.equal((await wholeLog(store, room)).length, 4);
      }
    }));
}

Deno.test("what claims the same thing at once is not put into one commit", () =>
  inWorld(async ({ core, store }) => {
    const [ada, bob] = [await person(core, "ada"), await person(core, "bob")];
    const rooms = await Promise.all(numbers(6).map(() => roomOf(core, ada)));
    // Two commits that take long, so that the others meet while they wait.
    const { commit } = store;
    const held = Promise.withResolvers<void>();
    store.commit = async (one) => {
      await held.promise;
      return await commit(one);
    };
    const busy = rooms.map((room) => say(core, room, ada, "hi"));
    const made = Promise.all(
      [ada, bob, ada, bob].map((who) =>
        run(core, createRoom, {
          type: "direct",
          members: [who === ada ? "bob" : "ada"],
        }, who)
      ),
    );
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
    held.resolve();
    await Promise.all(busy);
    assert.equal(new Set((await made).map(({ id }) => id)).size, 1);
    assert.equal((await store.list(keys.memberships("bob"))).length, 1);
  }));

Deno.test("what is too much for one commit goes in several", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const rooms = await Promise.all(numbers(8).map(() => roomOf(core, ada)));
    const commits = watchCommits(store);
    await Promise.all(
      rooms.flatMap((room) =>
        numbers(60).map(() => say(core, room, ada, "é".repeat(1000)))
      ),
    );
    const sizes = commits.map(({ mutations }) =>
      mutations.reduce(
        (sum, row) =>
          sum + ("value" in row
            ? new TextEncoder().encode(JSON.stringify(row.value)).length
            : 0),
        0,
      )
    );
    assert.ok(sizes.every((size) => size <= 800 * 1024), `${sizes}`);
    assert.ok(sizes.length >= 2);
    for (const room of rooms) {
      assert.equal((await wholeLog(store, room)).length, 62);
    }
  }));

Deno.test("rooms that share a commit count their heads in, which many senders make large", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const rooms = await Promise.all(
      numbers(12).map(() => roomOf(core, ada)),
    );
    const unfolded = Object.fromEntries(
      numbers(900).map((i) => [`somebody with an id ${i}`, 1]),
    );
    for (const room of rooms) {
      const head = await headOf(store, room);
      await store.commit({
        checks: [],
        mutations: [{ key: keys.head(room), value: { ...head, unfolded } }],
      });
    }
    const commits = watchCommits(store);
    const longest = "\u{1f600}".repeat(8000);
    await Promise.all(
      [...rooms, ...rooms, ...rooms].map((room) =>
        say(core, room, ada, longest)
      ),
    );
    for (const { mutations } of commits) {
      const values = mutations.map((row) => "value" in row ? row.value : "");
      const bytes = values.map((value) => encodeValue(value).length)
        .reduce((sum, size) => sum + size);
      assert.ok(bytes <= 800 * 1024, `${bytes} bytes of values`);
    }
    for (const room of rooms) assert.equal((await headOf(store, room)).n, 3);
  }));
