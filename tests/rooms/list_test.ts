// My rooms: their order, page by page while they move, what counts as unread, and how many there may be.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Core } from "../../kv/core.ts";
import { keys } from "../../kv/keys.ts";
import { LIMITS } from "../../kv/limits.ts";
import { RoomLogs } from "../../kv/log/writer.ts";
import { deleteMessage } from "../../kv/messages/edit.ts";
import type { Principal } from "../../kv/principal.ts";
import { markRead } from "../../kv/receipts/read.ts";
import { getRoom } from "../../kv/rooms/change.ts";
import { createRoom } from "../../kv/rooms/create.ts";
import { joinRoom, leaveRoom } from "../../kv/rooms/join.ts";
import { listRooms } from "../../kv/rooms/list.ts";
import { addToRoom, removeFromRoom } from "../../kv/rooms/members.ts";
import { presentMyRooms } from "../../kv/rooms/mine.ts";
import type { Mutation } from "../../kv/store.ts";
import { inWorld, refuses, run } from "../accounts/world.ts";
import { Turns } from "../log/turns.ts";
import { people, person, roomOf, say } from "../log/world.ts";
import { seedGiven } from "../seed_given.ts";

const EMOJI = "\u{1F600}";

/** Pages through my rooms; between two pages something may happen. Answers the ids of each page. */
async function pages(
  core: Core,
  me: Principal,
  limit: number,
  meanwhile: (page: number) => Promise<unknown> = () => Promise.resolve(),
): Promise<string[][]> {
  const all: string[][] = [];
  let cursor: string | undefined;
  for (;;) {
    const input = { limit, ...(cursor === undefined ? {} : { cursor }) };
    const { items, nextCursor } = await run(core, listRooms, input, me);
    all.push(items.map(({ id }) => id));
    if (nextCursor === null) return all;
    cursor = nextCursor;
    await meanwhile(all.length);
  }
}

/** Rooms of mine, the one made first first; a tick of the clock between them. */
async function roomsOf(
  world: { core: Core; clock: { advance(ms: number): Promise<void> } },
  me: Principal,
  count: number,
): Promise<string[]> {
  const rooms: string[] = [];
  for (let i = 0; i < count; i++) {
    rooms.push(await roomOf(world.core, me));
    await world.clock.advance(1);
  }
  return rooms;
}

Deno.test("room.list has the latest activity first, on pages of any size", () =>
  inWorld(async (world) => {
    const { core } = world;
    const ada = await person(core, "ada");
    const rooms = await roomsOf(world, ada, 7);
    await say(core, rooms[2]!, ada, "most recent");
    const expected = [rooms[2], ...rooms.filter((_, i) => i !== 2).reverse()];
    for (const limit of [1, 2, 3, 7, 100]) {
      assert.deepEqual((await pages(core, ada, limit)).flat(), expected);
    }
  }));

Deno.test("room.list loses no room that moves between two pages, wherever it was and however the clock goes", () =>
  inWorld(async (world) => {
    const { core, clock } = world;
    const ada = await person(core, "ada");
    for (const tick of [1, 0, -10_000]) {
      const rooms = await roomsOf(world, ada, 8);
      for (const limit of [1, 2, 3]) {
        const seen = await pages(core, ada, limit, async (page) => {
          if (page > 8) return;
          clock.setWall(clock.now() + tick);
          // Two at once: one shown already, and one that is still to come.
          await say(core, rooms.at(-1)!, ada, "again");
          await say(core, rooms[page % 4]!, ada, "moves");
        });
        const missing = rooms.filter((room) => !seen.flat().includes(room));
        assert.deepEqual(missing, [], `by ${tick} ms, ${limit} a page`);
      }
    }
  }));

const ROOMS = 4;

const listing = fc.record({
  limit: fc.integer({ min: 1, max: 3 }),
  /** What is done while one pages: a room is made, or something is said in one that is there. */
  meanwhile: fc.array(fc.option(fc.nat(ROOMS - 1)), { maxLength: 12 }),
  turns: fc.array(fc.nat(3), { maxLength: 50 }),
});

Deno.test("room.list loses no room that is joined or moves while a page is being read", () =>
  fc.assert(
    fc.asyncProperty(
      listing,
      ({ limit, meanwhile, turns: picks }) =>
        inWorld(async (world) => {
          const { core, store, clock } = world;
          const ada = await person(core, "ada");
          const rooms = await roomsOf(world, ada, ROOMS);
          const turns = new Turns(picks);
          const slow = turns.store(store);
          const logs = new RoomLogs({ ...core, store: slow }, 1);
          const joined = new Set(rooms);
          // Those that there were when the last page was asked for.
          let due: string[] = [];
          const paging = pages(
            { ...core, store: slow, logs },
            ada,
            limit,
            () => {
              due = [...joined];
              return Promise.resolve();
            },
          );
          const going = (async () => {
            for (const room of meanwhile) {
              clock.setWall(clock.now() + 1);
              await turns.take(async () => {
                if (room === null) joined.add(await roomOf(core, ada));
                else await say(core, rooms[room]!, ada, "moves");
              });
            }
          })();
          const shown = (await paging).flat();
          await going;
          assert.deepEqual(due.filter((room) => !shown.includes(room)), []);
        }),
    ),
    { numRuns: 200, ...seedGiven() },
  ));

Deno.test("room.list loses no room that is joined before another one moves to the end of a page", () =>
  inWorld(async (world) => {
    const { core, store } = world;
    const ada = await person(core, "ada");
    const rooms = await roomsOf(world, ada, 5);
    const shown = await pages(core, ada, 1, (page) => {
      if (page > 1) return Promise.resolve();
      const { list } = store;
      store.list = async <T>(...asked: Parameters<typeof list>) => {
        const found = await list<T>(...asked);
        if (asked[0][0] === "u") {
          store.list = list;
          rooms.push(...await roomsOf(world, ada, 1));
          await say(core, rooms[0]!, ada, "moves");
        }
        return found;
      };
      return Promise.resolve();
    });
    const missing = rooms.filter((room) => !shown.flat().includes(room));
    assert.deepEqual(missing, []);
  }));

Deno.test("room.list pages are as short as a response must be, and lose nothing by it", () =>
  inWorld(async (world) => {
    const { core } = world;
    const ada = await person(core, "ada");
    const rooms = await roomsOf(world, ada, 12);
    for (const room of rooms) {
      await world.clock.advance(1);
      await say(core, room, ada, EMOJI.repeat(8000));
    }
    const first = await run(core, listRooms, {}, ada);
    const bytes = new TextEncoder().encode(JSON.stringify(first)).length;
    assert.ok(bytes <= LIMITS.bodyBytes, `${bytes} bytes`);
    assert.deepEqual((await pages(core, ada, 100)).flat(), rooms.toReversed());
  }));

Deno.test("room.list refuses what is no cursor of it", () =>
  inWorld(async ({ core }) => {
    const ada = await person(core, "ada");
    for (const cursor of ["x", "1!2", "!!!", "99!room", "W10", "1.2.x"]) {
      await assert.rejects(
        run(core, listRooms, { cursor }, ada),
        refuses("invalid"),
        cursor,
      );
    }
  }));

Deno.test("a direct room shows its other member, a notebook oneself, a group nobody", () =>
  inWorld(async ({ core }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const direct = (from: Principal, to: string) =>
      run(core, createRoom, { type: "direct", members: [to] }, from);
    assert.equal((await direct(ada!, "bob")).peer?.id, "bob");
    assert.equal((await direct(bob!, "ada")).peer?.id, "ada");
    const notebook = await direct(ada!, "ada");
    assert.deepEqual([notebook.peer?.id, notebook.memberCount], ["ada", 1]);
    assert.equal((await direct(ada!, "ada")).id, notebook.id);
    assert.equal((await direct(ada!, "bob")).role, "member");
    const group = await roomOf(core, ada!);
    assert.ok(!("peer" in await run(core, getRoom, { room: group }, ada!)));
  }));

Deno.test("what others wrote since one's mark is unread: not one's own, deleted ones too, until read past", () =>
  inWorld(async ({ core }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "member" });
    const unread = async (who: Principal) =>
      (await run(core, getRoom, { room }, who)).unread;
    const first = await say(core, room, ada!, "1");
    await say(core, room, bob!, "2");
    const third = await say(core, room, ada!, "3");
    assert.deepEqual([await unread(ada!), await unread(bob!)], [1, 2]);

    // Sending marks nothing of others as read.
    for (let i = 0; i < 20; i++) await say(core, room, bob!, `own ${i}`);
    assert.deepEqual([await unread(ada!), await unread(bob!)], [21, 2]);
    const { messageId } = third;
    await run(core, deleteMessage, { room, messageId }, ada!);
    assert.equal(await unread(bob!), 2);

    const mark = async (seq: number) =>
      (await run(core, markRead, { room, seq }, bob!)).unread;
    assert.equal(await mark(first.seq), 1);
    assert.equal(await mark(third.seq), 0);
    await say(core, room, ada!, "4");
    assert.equal(await unread(bob!), 1);
  }));

Deno.test("who comes back begins anew: nothing from before is unread, their own count goes on", () =>
  inWorld(async ({ core }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, {}, "channel");
    const join = () => run(core, joinRoom, { room }, bob!);
    await say(core, room, ada!, "before");
    const first = await join();
    assert.deepEqual([first.unread, first.read, first.n], [0, first.seq, 1]);
    await say(core, room, bob!, "own");
    await say(core, room, ada!, "unread");
    assert.equal((await run(core, getRoom, { room }, bob!)).unread, 1);
    await run(core, leaveRoom, { room }, bob!);
    assert.deepEqual(await pages(core, bob!, 100), [[]]);
    await say(core, room, ada!, "while away");

    const back = await join();
    assert.deepEqual([back.unread, back.read], [0, back.seq]);
    await say(core, room, ada!, "new");
    await say(core, room, bob!, "own");
    const now = await join();
    assert.deepEqual([now.unread, now.read], [1, back.seq]);
  }));

Deno.test("an own message that is sent while rooms are read takes nothing off what is unread", () =>
  inWorld(async ({ core, store }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "member" });
    for (const text of ["1", "2"]) await say(core, room, ada!, text);
    const { getMany } = store;
    for (const ask of ["list", "mark"] as const) {
      let sent = false;
      store.getMany = async <T>(wanted: Parameters<typeof getMany>[0]) => {
        const rows = await getMany<T>(wanted);
        const isHead = wanted.some((key) => key[2] === "h");
        if (isHead && !sent) {
          sent = true;
          await say(core, room, bob!, "meanwhile");
        }
        return rows;
      };
      const { unread } = ask === "list"
        ? (await run(core, listRooms, {}, bob!)).items[0]!
        : await run(core, markRead, { room, seq: 0 }, bob!);
      store.getMany = getMany;
      assert.equal(unread, 2, ask);
      assert.ok(sent);
    }
  }));

Deno.test("nobody is in more rooms than one may be, and is told so", () =>
  inWorld(async ({ core, store }) => {
    const [ada] = await people(core, "ada", "bob");
    const channel = await roomOf(core, ada!, {}, "channel");
    // Rows of rooms that are not there, as many as fit beside the one.
    const seed = async (from: number, count: number) => {
      const mutations = Array.from({ length: count }, (_, i): Mutation => ({
        key: keys.membership("bob", `seeded-${from + i}`),
        value: { v: 1, joined: 2 },
      }));
      await store.commit({ checks: [], mutations });
    };
    for (let i = 0; i < LIMITS.roomsPerUser; i += 500) {
      await seed(i, Math.min(500, LIMITS.roomsPerUser - 1 - i));
    }
    const bob = { ...ada!, user: "bob" };
    const last = await run(core, joinRoom, { room: channel }, bob);
    assert.equal(last.role, "member");

    const message = `A user can be in at most ${LIMITS.roomsPerUser} rooms.`;
    const full = refuses("conflict", message);
    const other = await roomOf(core, ada!, {}, "channel");
    await assert.rejects(run(core, joinRoom, { room: other }, bob), full);
    await assert.rejects(run(core, createRoom, { type: "group" }, bob), full);
    const members = ["bob"];
    for (const type of ["group", "direct"]) {
      await assert.rejects(
        run(core, createRoom, { type, members }, ada!),
        full,
      );
    }
    const input = { room: other, userId: "bob" };
    await assert.rejects(run(core, addToRoom, input, ada!), full);
    await run(core, leaveRoom, { room: channel }, bob);
    assert.equal((await run(core, joinRoom, { room: other }, bob)).id, other);
  }));

Deno.test("a room that one joined after its head was read is not shown as it was before", () =>
  inWorld(async ({ core }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!);
    const before = await core.logs.heads.read([room]);
    const joining = { room, userId: "bob", role: "member" } as const;
    await run(core, addToRoom, joining, ada);
    assert.deepEqual(await presentMyRooms(core, "bob", before), []);
    await run(core, removeFromRoom, { room, userId: "bob" }, ada);
    const between = await core.logs.heads.read([room]);
    await run(core, addToRoom, joining, ada);
    assert.deepEqual(await presentMyRooms(core, "bob", between), []);
    const { items } = await run(core, listRooms, {}, bob);
    assert.deepEqual(items.map(({ seq }) => seq), [5]);
  }));
