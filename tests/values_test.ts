// How values lie in the store: what goes in comes out, as text and JSON that any program reads.
import assert from "node:assert/strict";
import fc from "fast-check";
import { openStore } from "../kv/store.ts";
import { decodeValue, encodeValue, weightOf } from "../kv/values.ts";

const value = fc.oneof(
  fc.jsonValue({ noUnicodeString: false }),
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary-ascii" }),
);

Deno.test("a value comes out as it went in, and weighs what was told", () =>
  fc.assert(fc.property(value, (value) => {
    const bytes = encodeValue(value);
    assert.equal(JSON.stringify(decodeValue(bytes)), JSON.stringify(value));
    assert.equal(bytes.length, weightOf(value));
  })));

Deno.test("a text lies in the store as it is, everything else as JSON, in UTF-8", () => {
  const read = (value: unknown) => new TextDecoder().decode(encodeValue(value));
  assert.equal(read('{"é":1}'), '"{"é":1}');
  assert.equal(read(""), '"');
  assert.equal(read({ é: [1, null, "a"] }), '{"é":[1,null,"a"]}');
  assert.equal(read(0), "0");
});

Deno.test("half of a pair of surrogates is kept within JSON", () => {
  const half = { text: "a\ud83d" };
  assert.deepEqual(decodeValue(encodeValue(half)), half);
});

Deno.test("the store gives values back from wherever in memory they are", async () => {
  const store = await openStore(":memory:");
  const values = ["", "é\u{1F600}", '"', { a: "é" }, [], 0, false];
  await store.commit({
    checks: [],
    mutations: values.map((value, i) => ({ key: ["v", i], value })),
    appends: [{ prefix: ["w"], value: { is: "é" }, expireInMs: 60_000 }],
  });
  const listed = await store.list(["v"]);
  assert.deepEqual(listed.map((row) => row.value), values);
  const read = await store.getMany(values.map((_, i) => ["v", i]));
  assert.deepEqual(read.map((row) => row.value), values);
  const [appended] = await store.list(["w"]);
  assert.deepEqual(appended?.value, { is: "é" });
  assert.equal((await store.get(["x"])).value, null);
  store.close();
});
