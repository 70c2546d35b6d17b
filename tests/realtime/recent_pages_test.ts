// Pages that many read are read once, as long as nothing has changed, and not for long.
import assert from "node:assert/strict";
import { RecentPages } from "../../realtime/recent_pages.ts";
import type { Store } from "../../kv/store.ts";
import { inWorld, type World } from "../accounts/world.ts";
import { person, roomOf, say } from "../log/world.ts";

/** Pages of a room with so many messages above `seq` 2, and how many reads of lists they cost so far. */
async function pagesOf({ core, store }: World, texts: readonly string[]) {
  const ada = await person(core, "ada");
  const room = await roomOf(core, ada);
  for (const text of texts) await say(core, room, ada, text);
  const counted = { reads: 0, failing: false };
  const counting: Store = {
    ...store,
    list: (prefix, options) => {
      counted.reads++;
      if (counted.failing) return Promise.reject(new Error("away"));
      return store.list(prefix, options);
    },
  };
  const pages = new RecentPages({ ...core, store: counting });
  return { pages, room, counted };
}

const LETTERS = [..."abcdefghij"];
const range = { after: 2, until: 12, limit: 50 };

Deno.test("what was read a moment ago is not read again, also while it is being read", () =>
  inWorld(async (world) => {
    const { pages, room, counted } = await pagesOf(world, LETTERS);
    const [one, other] = await Promise.all([
      pages.read(room, range),
      pages.read(room, range),
    ]);
    assert.equal(one.chunk, other.chunk);
    assert.deepEqual(
      one.chunk!.frames.map((frame) => JSON.parse(frame).data.text),
      LETTERS,
    );
    await world.clock.advance(1_999);
    assert.equal((await pages.read(room, range)).chunk, one.chunk);
    assert.equal(counted.reads, 1);
    await world.clock.advance(1);
    assert.notEqual((await pages.read(room, range)).chunk, one.chunk);
    assert.equal(counted.reads, 2);
  }));

Deno.test("another range, or the same up to a later change, is another page", () =>
  inWorld(async (world) => {
    const { pages, room, counted } = await pagesOf(world, LETTERS);
    await pages.read(room, { ...range, until: 11 });
    await pages.read(room, range);
    await pages.read(room, { ...range, after: 3 });
    await pages.read(room, { ...range, limit: 9 });
    assert.equal(counted.reads, 4);
  }));

Deno.test("what was not there, or could not be read, is asked for again", () =>
  inWorld(async (world) => {
    const { pages, room, counted } = await pagesOf(world, LETTERS);
    const ahead = { after: 12, until: 22, limit: 50 };
    assert.deepEqual(await pages.read(room, ahead), {
      chunk: null,
      cut: false,
    });
    const before = counted.reads;
    await pages.read(room, ahead);
    assert.ok(counted.reads > before);
    counted.failing = true;
    await assert.rejects(pages.read(room, range), /away/);
    counted.failing = false;
    assert.equal((await pages.read(room, range)).chunk!.last, 12);
  }));

Deno.test("what is remembered is bounded: the oldest goes first", () =>
  inWorld(async (world) => {
    const long = LETTERS.map((letter) => letter.repeat(8_000));
    const { pages, room, counted } = await pagesOf(world, long);
    // Each about 80 kB, of eight million bytes that are kept.
    const limits = Array.from({ length: 120 }, (_, i) => 10 + i);
    for (const limit of limits) await pages.read(room, { ...range, limit });
    assert.equal(counted.reads, 120);
    await pages.read(room, { ...range, limit: limits.at(-1)! });
    assert.equal(counted.reads, 120);
    await pages.read(room, { ...range, limit: limits[0]! });
    assert.equal(counted.reads, 121);
  }));
