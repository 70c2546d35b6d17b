// Reads of single rows in one turn: few calls, each row to who asked for it.
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
    Array.from({ length: 23 }, (_, i) => reads.read([i])),
  );
  assert.deepEqual(
    rows.map(({ value }) => value),
    rows.map((_, i) => `of ${i}`),
  );
  assert.deepEqual(calls, [10, 10, 3]);
  await reads.read(["later"]);
  assert.deepEqual(calls, [10, 10, 3, 1]);
});

Deno.test("a call that fails fails for all of it and nobody else", async () => {
  const reads = new GatheredReads<Key, Row>((keys) =>
    keys.some(([part]) => part === 3)
      ? Promise.reject(new Error("away"))
      : Promise.resolve(keys.map(rowOf))
  );
  const outcomes = await Promise.allSettled(
    Array.from({ length: 12 }, (_, i) => reads.read([i])),
  );
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    [...Array(10).fill("rejected"), "fulfilled", "fulfilled"],
  );
});
