// Reads of few rows in one turn: few calls, each row to who asked for it, and what one asks for in one call.
import assert from "node:assert/strict";
import { GatheredReads } from "../kv/gathered_reads.ts";
import type { Key, Row } from "../kv/store.ts";

const rowOf = (key: Key): Row => ({
  key,
  value: `of ${key[0]}`,
  version: "1",
});

Deno.test("rows asked for in one turn are read ten at a time, and each comes to who asked", async () => {
  const calls: number[] = [];
  const reads = new GatheredReads<Key, Row>((keys) => {
    calls.push(keys.length);
    return Promise.resolve(keys.map(rowOf));
  });
  const rows = await Promise.all(
    Array.from({ length: 23 }, (_, i) => reads.read([[i]])),
  );
  assert.deepEqual(
    rows.map(([row]) => row!.value),
    rows.map((_, i) => `of ${i}`),
  );
  assert.deepEqual(calls, [10, 10, 3]);
  await reads.read([["later"]]);
  assert.deepEqual(calls, [10, 10, 3, 1]);
});

Deno.test("what is asked for together is read in one call, whatever else is asked for", async () => {
  const calls: Key[][] = [];
  const reads = new GatheredReads<Key, Row>((keys) => {
    calls.push([...keys]);
    return Promise.resolve(keys.map(rowOf));
  });
  const sizes = [4, 5, 2, 10, 1, 8, 1, 1];
  const asked = sizes.map((size, i) =>
    Array.from({ length: size }, (_, k): Key => [`${i}.${k}`])
  );
  const rows = await Promise.all(asked.map((keys) => reads.read(keys)));
  assert.deepEqual(
    rows.map((found) => found.map(({ key }) => key)),
    asked,
  );
  assert.deepEqual(calls.map(({ length }) => length), [9, 2, 10, 10, 1]);
});

Deno.test("a call that fails fails for all of it and nobody else", async () => {
  const reads = new GatheredReads<Key, Row>((keys) =>
    keys.some(([part]) => part === 3)
      ? Promise.reject(new Error("away"))
      : Promise.resolve(keys.map(rowOf))
  );
  const outcomes = await Promise.allSettled(
    Array.from({ length: 12 }, (_, i) => reads.read([[i]])),
  );
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    [...Array(10).fill("rejected"), "fulfilled", "fulfilled"],
  );
});
