// Reading a log: two lists merged into one order, never past a place where a row is missing.
import assert from "node:assert/strict";
import { keys } from "../../kv/keys.ts";
import { readLog } from "../../kv/log/read.ts";
import { changeRoom } from "../../kv/rooms/change.ts";
import type { Key } from "../../kv/store.ts";
import { inWorld, run, type World } from "../accounts/world.ts";
import { person, roomOf, say } from "./world.ts";

/** A log of 12: the room, its owner, then messages and names in turn. */
async function logOf12({ core }: World): Promise<string> {
  const ada = await person(core, "ada");
  const room = await roomOf(core, ada);
  for (let i = 0; i < 5; i++) {
    await say(core, room, ada, `${i}`);
    await run(core, changeRoom, { room, name: `name ${i}` }, ada);
  }
  return room;
}

const seqs = (rows: readonly { seq: number }[]) => rows.map(({ seq }) => seq);

Deno.test("readLog() merges messages and events into one order", () =>
  inWorld(async (world) => {
    const room = await logOf12(world);
    const rows = await readLog(world.store, room, {
      after: 0,
      until: 12,
      limit: 100,
    });
    assert.deepEqual(
      rows.map((row) =>
        "frame" in row ? JSON.parse(row.frame).data.text : row.event.type
      ),
      [
        "room.created",
        "member.joined",
        ...[0, 1, 2, 3, 4].flatMap((i) => [`${i}`, "room.updated"]),
      ],
    );
    assert.deepEqual(seqs(rows), rows.map((_, i) => i + 1));
  }));

Deno.test("readLog() takes any range: `after` exclusive, `until` inclusive, `limit` at most", () =>
  inWorld(async (world) => {
    const room = await logOf12(world);
    for (let after = 0; after <= 13; after++) {
      for (const until of [after, after + 1, after + 6, 99]) {
        for (const limit of [1, 2, 5, 50]) {
          const range = { after, until, limit };
          const last = Math.min(until, 12, after + limit);
          const length = Math.max(0, last - after);
          assert.deepEqual(
            seqs(await readLog(world.store, room, range)),
            Array.from({ length }, (_, i) => after + 1 + i),
            JSON.stringify(range),
          );
        }
      }
    }
  }));

Deno.test("readLog() stops before a row that is not there yet, of either kind", () =>
  inWorld(async (world) => {
    const { store } = world;
    const room = await logOf12(world);
    const withhold = (key: Key) =>
      store.commit({ checks: [], mutations: [{ key, delete: true }] });
    const all = { after: 0, until: 12, limit: 100 };
    await withhold(keys.event(room, 10));
    assert.deepEqual(seqs(await readLog(store, room, all)).at(-1), 9);
    await withhold(keys.message(room, 7));
    assert.deepEqual(seqs(await readLog(store, room, all)).at(-1), 6);
    assert.deepEqual(await readLog(store, room, { ...all, after: 6 }), []);
    await withhold(keys.event(room, 1));
    assert.deepEqual(await readLog(store, room, all), []);
  }));

Deno.test("readLog() of a room that is not there is empty", () =>
  inWorld(async ({ store }) => {
    const range = { after: 0, until: 10, limit: 10 };
    assert.deepEqual(await readLog(store, "nowhere", range), []);
  }));

Deno.test("readLog() sees the event in between as many messages as were asked for", () =>
  inWorld(async (world) => {
    const { core } = world;
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    for (let i = 0; i < 4; i++) await say(core, room, ada, `${i}`);
    await run(core, changeRoom, { room, name: "in between" }, ada);
    for (let i = 0; i < 8; i++) await say(core, room, ada, `${i}`);
    const rows = await readLog(core.store, room, {
      after: 2,
      until: 15,
      limit: 7,
    });
    assert.deepEqual(seqs(rows), [3, 4, 5, 6, 7, 8, 9]);
  }));
