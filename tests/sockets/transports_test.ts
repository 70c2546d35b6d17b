// docs/transports.md says of each transport what it cannot do: what the suite's cases have marked, no more, no less.
import assert from "node:assert/strict";
import { CANNOT } from "./cannot.ts";

const DOCUMENT = new URL("../../docs/transports.md", import.meta.url);
const SUITE = ["conformance_test.ts", "breaches_test.ts", "exchanges_test.ts"];

Deno.test("docs/transports.md lists what a transport cannot do", async () => {
  const rows = (await Deno.readTextFile(DOCUMENT)).split("\n")
    .filter((line) => /^\| (native|ws) /.test(line))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  const expected = Object.values(CANNOT)
    .map(({ adapter, what, instead }) => [adapter, what, instead]);
  assert.deepEqual(rows, expected);
});

Deno.test("each of them is shown by a case of the suite", () => {
  const suite = SUITE.map((name) =>
    Deno.readTextFileSync(new URL(name, import.meta.url))
  ).join("\n");
  for (const [name, { adapter }] of Object.entries(CANNOT)) {
    const marks = suite.split(`"${name}"`).length - 1;
    assert.ok(marks > 0, `${adapter}: ${name}`);
  }
});
