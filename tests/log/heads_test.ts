// Heads in memory: read once, and never older than the question, whoever changes the room and whatever the feed forgets.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Core } from "../../kv/core.ts";
import { keys } from "../../kv/keys.ts";
import { Feed } from "../../kv/log/feed.ts";
import type { Head } from "../../kv/log/head.ts";
import { Heads } from "../../kv/log/heads.ts";
import { RoomLogs } from "../../kv/log/writer.ts";
import { deleteMessage, editMessage } from "../../kv/messages/edit.ts";
import type { Principal } from "../../kv/principal.ts";
import { changeRoom } from "../../kv/rooms/change.ts";
import { deleteRoom } from "../../kv/rooms/deletion.ts";
import { listRooms } from "../../kv/rooms/list.ts";
import type { Message } from "../../kv/shapes.ts";
import type { Key, Store } from "../../kv/store.ts";
import { inWorld, run, type World } from "../accounts/world.ts";
import { seedGiven } from "../seed_given.ts";
import { Turns } from "./turns.ts";
import { person, roomOf, say } from "./world.ts";

/** Ada and as many rooms of hers. */
async function roomsOfAda(core: Core, count: number) {
  const ada = await person(core, "ada");
  const rooms: string[] = [];
  for (let i = 0; i < count; i++) rooms.push(await roomOf(core, ada));
  return { ada, rooms };
}

/** The rooms whose heads were read in between, as the store is asked from now on. */
function watchHeads(store: Store): () => string[] {
  const read: string[] = [];
  const { getMany } = store;
  store.getMany = <T>(keys: readonly Key[]) => {
    for (const [kind, room, what] of keys) {
      if (kind === "r" && what === "h") read.push(String(room));
    }
    return getMany<T>(keys);
  };
  return () => read.splice(0);
}

async function namesOf(heads: Heads, rooms: readonly string[]) {
  return (await heads.read(rooms)).map(({ head }) => head.name);
}

const rename = (core: Core, room: string, who: Principal, name: string) =>
  run(core, changeRoom, { room, name }, who);

Deno.test("heads are read once, and again where somebody here or elsewhere changed the room", () =>
  inWorld(async ({ core, store, clock, isolate }) => {
    const { ada, rooms } = await roomsOfAda(core, 5);
    const heads = new Heads(store, clock);
    const read = watchHeads(store);
    assert.deepEqual(await namesOf(heads, rooms), Array(5).fill("Room"));
    assert.deepEqual(read(), rooms);
    await namesOf(heads, rooms);
    assert.deepEqual(read(), []);

    await rename(isolate(), rooms[1]!, ada, "elsewhere");
    await rename(core, rooms[3]!, ada, "here");
    read();
    const names = ["Room", "elsewhere", "Room", "here", "Room"];
    assert.deepEqual(await namesOf(heads, rooms), names);
    assert.deepEqual(read(), [rooms[1], rooms[3]]);
    await namesOf(heads, rooms.toReversed());
    assert.deepEqual(read(), []);
  }));

Deno.test("a room that is deleted, or never was, is not among the heads", () =>
  inWorld(async ({ core, store, clock }) => {
    const { ada, rooms } = await roomsOfAda(core, 5);
    const heads = new Heads(store, clock);
    await heads.read(rooms);
    await run(core, deleteRoom, { room: rooms[0]! }, ada);
    const found = await heads.read(["nowhere", ...rooms]);
    assert.deepEqual(found.map(({ room }) => room), rooms.slice(1));
  }));

Deno.test("a last message that was edited or deleted elsewhere is not shown as it was", () =>
  inWorld(async ({ core, isolate }) => {
    const { ada, rooms } = await roomsOfAda(core, 5);
    const sent = await Promise.all(
      rooms.map((room) => say(core, room, ada, "as it was")),
    );
    const shown = async () =>
      new Map(
        (await run(core, listRooms, {}, ada)).items.map((
          { id, lastMessage },
        ) => [id, lastMessage?.text]),
      );
    const before = await shown();
    assert.deepEqual(
      rooms.map((room) => before.get(room)),
      Array(5).fill("as it was"),
    );
    const [edited, deleted] = rooms as [string, string];
    await run(isolate(), editMessage, {
      room: edited,
      messageId: sent[0]!.messageId,
      text: "as it is",
    }, ada);
    await run(isolate(), deleteMessage, {
      room: deleted,
      messageId: sent[1]!.messageId,
    }, ada);
    const after = await shown();
    assert.equal(after.get(edited), "as it is");
    assert.equal(after.get(deleted), undefined);
    assert.equal(after.get(rooms[2]!), "as it was");
  }));

Deno.test("what changes while it is being read is not kept", () =>
  inWorld(async ({ core, store, clock, isolate }) => {
    const { ada, rooms } = await roomsOfAda(core, 5);
    const heads = new Heads(store, clock);
    const { getMany } = store;
    store.getMany = async <T>(keys: readonly Key[]) => {
      store.getMany = getMany;
      const rows = await getMany<T>(keys);
      await rename(isolate(), rooms[0]!, ada, "meanwhile");
      // Somebody else looks first: to them the change is told.
      await heads.read(rooms);
      return rows;
    };
    await heads.read(rooms);
    assert.equal((await namesOf(heads, rooms))[0], "meanwhile");
  }));

const FORGETTING: Record<string, (world: World) => Promise<void>> = {
  "of which the feed has forgotten all": async ({ store }) => {
    await forgetFeed(store);
    await ring(store);
  },
  "that it may have forgotten while this isolate slept": async (world) => {
    await forgetFeed(world.store, -1);
    world.clock.advance(30_001);
    await ring(world.store);
  },
  "that it may have forgotten while this machine was suspended": async (
    { clock, store },
  ) => {
    await forgetFeed(store, -1);
    clock.setWall(clock.now() + 30_001);
    await ring(store);
  },
  "that were too many to be told": async ({ store }) => {
    for (let i = 0; i < 100; i++) await ring(store);
  },
};
for (const [which, forget] of Object.entries(FORGETTING)) {
  Deno.test(`after changes ${which} every head is read anew`, () =>
    inWorld(async (world) => {
      const { core, store, clock, isolate } = world;
      const { ada, rooms } = await roomsOfAda(core, 5);
      const heads = new Heads(store, clock);
      await heads.read(rooms);
      await rename(isolate(), rooms[0]!, ada, "unheard of");
      await forget(world);
      const read = watchHeads(store);
      assert.equal((await namesOf(heads, rooms))[0], "unheard of");
      assert.deepEqual(read(), rooms);
      await namesOf(heads, rooms);
      assert.deepEqual(read(), []);
    }));
}

/** Somebody else's commit, of no room. */
async function ring(store: Store): Promise<void> {
  const feed = new Feed(store, null as never, "elsewhere");
  await feed.commit({ checks: [], mutations: [] }, [
    { user: "somebody", what: "profile" },
  ]);
}

/** Deletes rows of the feed, which are in the order of their commits. */
async function forgetFeed(
  store: Store,
  from = 0,
  until?: number,
): Promise<void> {
  const rows = await store.list(keys.feed());
  await store.commit({
    checks: [],
    mutations: rows.slice(from, until).map(({ key }) => ({
      key,
      delete: true,
    })),
  });
}

Deno.test("no more is kept than there is room for: what was read first goes first", () =>
  inWorld(async ({ core, store, clock }) => {
    const { ada, rooms } = await roomsOfAda(core, 8);
    const heads = new Heads(store, clock, 5400);
    await heads.read(rooms.slice(0, 4));
    await heads.read(rooms.slice(4));
    const read = watchHeads(store);
    await heads.read(rooms.slice(4));
    assert.deepEqual(read(), []);
    await heads.read(rooms.slice(0, 4));
    assert.deepEqual(read(), rooms.slice(0, 3));

    // A long message takes the place of all that came before its room, and of the room.
    await say(core, rooms[0]!, ada, "a".repeat(2000));
    await heads.readLast(await heads.read(rooms.slice(0, 4)));
    read();
    await heads.read(rooms.slice(0, 4));
    assert.deepEqual(read(), rooms.slice(0, 3));
  }));

Deno.test("a head takes as much room as what it says: long texts, many who spoke", () =>
  inWorld(async ({ core, store, clock }) => {
    const { rooms } = await roomsOfAda(core, 5);
    const spoke = Array.from({ length: 20 }, (_, i) => [`user-${i}`, 1]);
    const notKept = async (more: Partial<Head>) => {
      for (const room of rooms) {
        const key = keys.head(room);
        const { value } = await store.get<Head>(key);
        const mutations = [{ key, value: { ...value, ...more } }];
        await store.commit({ checks: [], mutations });
      }
      const heads = new Heads(store, clock, 10_000);
      await heads.read(rooms);
      const read = watchHeads(store);
      await heads.read(rooms);
      return read().length;
    };
    assert.equal(await notKept({}), 0);
    assert.equal(await notKept({ description: "x".repeat(1000) }), 2);
    const unfolded = Object.fromEntries(spoke);
    assert.equal(await notKept({ description: "", unfolded }), 3);
  }));

Deno.test("what is read of a room that changes meanwhile takes no room for ever", () =>
  inWorld(async ({ core, store, clock }) => {
    const { ada, rooms } = await roomsOfAda(core, 5);
    const heads = new Heads(store, clock, 10_000);
    const { getMany } = store;
    for (let i = 0; i < 20; i++) {
      const before = await heads.read(rooms);
      store.getMany = async <T>(keys: readonly Key[]) => {
        store.getMany = getMany;
        await say(core, rooms[0]!, ada, "meanwhile");
        await heads.read(rooms);
        return await getMany<T>(keys);
      };
      await heads.readLast(before);
    }
    const read = watchHeads(store);
    await heads.read(rooms);
    assert.deepEqual(read(), []);
  }));

Deno.test("a store that fails is told, and nothing is kept of it", () =>
  inWorld(async ({ core, store, clock }) => {
    const { rooms } = await roomsOfAda(core, 5);
    const heads = new Heads(store, clock);
    await heads.read(rooms.slice(1));
    const { get, getMany } = store;
    for (const broken of ["get", "getMany"] as const) {
      Object.assign(store, {
        [broken]: () => Promise.reject(new Error("no store")),
      });
      await assert.rejects(() => heads.read(rooms), /no store/);
      Object.assign(store, { get, getMany });
    }
    const read = watchHeads(store);
    assert.equal((await heads.read(rooms)).length, 5);
    assert.deepEqual(read(), rooms);
  }));

// The property: whoever asks while others write gets nothing older than the question.

const ROOMS = 5;
const ISOLATES = 3;

interface Step {
  readonly do: "say" | "rename" | "edit" | "delete" | "list" | "forget";
  readonly isolate: number;
  readonly room: number;
}

interface Story {
  /** Done at once, the steps of each one after the other. */
  readonly chains: readonly (readonly Step[])[];
  readonly turns: readonly number[];
  readonly keptBytes: number;
}

const story: fc.Arbitrary<Story> = fc.record({
  chains: fc.array(
    fc.array(
      fc.record({
        do: fc.constantFrom(
          "say" as const,
          "rename" as const,
          "edit" as const,
          "delete" as const,
          "list" as const,
          "list" as const,
          "list" as const,
          "forget" as const,
        ),
        isolate: fc.nat(ISOLATES - 1),
        room: fc.nat(ROOMS - 1),
      }),
      { minLength: 1, maxLength: 8 },
    ),
    { minLength: 1, maxLength: 8 },
  ),
  turns: fc.array(fc.nat(9), { maxLength: 50 }),
  keptBytes: fc.constantFrom(4000, 1_000_000),
});

Deno.test("whatever is written meanwhile, and whatever the feed forgets, no head and no last message is older than the question", () =>
  fc.assert(fc.asyncProperty(story, check), { numRuns: 150, ...seedGiven() }));

/** Every value that a row had, with the version of the commit that gave it. */
type Past = Map<
  string,
  { readonly version: string; readonly value: unknown }[]
>;

async function check({ chains, turns: picks, keptBytes }: Story) {
  await inWorld(async ({ core, store, clock }) => {
    const { ada, rooms } = await roomsOfAda(core, ROOMS);
    const sent = await Promise.all(
      rooms.map((room) => say(core, room, ada, "first")),
    );
    const past: Past = new Map();
    for (const room of rooms) {
      for (const row of await store.list(keys.room(room))) {
        past.set(String(row.key), [row]);
      }
    }
    const { commit } = store;
    store.commit = async (asked) => {
      const outcome = await commit(asked);
      if (outcome.kind !== "stored") return outcome;
      for (const mutation of asked.mutations) {
        const key = String(mutation.key);
        const rows = past.get(key) ?? [];
        past.set(key, rows);
        const value = "value" in mutation ? mutation.value : null;
        rows.push({ version: outcome.version, value });
      }
      return outcome;
    };

    const turns = new Turns(picks);
    const isolates = Array.from({ length: ISOLATES }, (_, i) => {
      const itsStore = turns.store(store);
      const feed = new Feed(itsStore, clock, `of-${i}`);
      const deps = { store: itsStore, clock, feed };
      return {
        core: { ...core, ...deps, logs: new RoomLogs(deps, 1) },
        heads: new Heads(itsStore, clock, keptBytes),
      };
    });
    let written = 0;
    const perform = async (step: Step) => {
      const { core, heads } = isolates[step.isolate]!;
      const room = rooms[step.room]!;
      const { messageId } = sent[step.room]!;
      const text = `text ${written++}`;
      if (step.do === "list") return await checkList(heads, rooms, past);
      if (step.do === "forget") {
        // The oldest first, as they go.
        return await forgetFeed(store, 0, step.room + 1);
      }
      if (step.do === "say") await say(core, room, ada, text);
      else if (step.do === "rename") await rename(core, room, ada, text);
      else if (step.do === "edit") {
        await run(core, editMessage, { room, messageId, text }, ada)
          .catch(() => "deleted already");
      } else await run(core, deleteMessage, { room, messageId }, ada);
    };
    await Promise.all(chains.map(async (chain) => {
      for (const step of chain) await perform(step);
    }));
  });
}

async function checkList(heads: Heads, rooms: readonly string[], past: Past) {
  const asked = new Map(
    rooms.map((room) => [room, past.get(String(keys.head(room)))!.length - 1]),
  );
  const found = await heads.read(rooms);
  assert.deepEqual(found.map(({ room }) => room), rooms);
  for (const { room, head, version } of found) {
    const rows = past.get(String(keys.head(room)))!;
    const at = rows.findIndex((row) => row.version === version);
    assert.ok(at >= asked.get(room)!, "a head is older than the question");
    assert.deepEqual(head, rows[at]!.value);
  }
  const last = await heads.readLast(found);
  found.forEach(({ room, head, version }, i) => {
    const rows = past.get(String(keys.message(room, head.lastMessage)))!;
    // As it was under that head, or later.
    const since = rows.findLastIndex((row) => row.version <= version);
    const texts = rows.slice(since).map(({ value }) => textOf(value));
    assert.ok(
      texts.includes(last[i]?.text),
      "a message is older than its head",
    );
  });
}

function textOf(frame: unknown): string | undefined {
  return (JSON.parse(String(frame)).data as Message).text;
}
