// What the bench makes of its command line.
import assert from "node:assert/strict";
import {
  readArguments,
  readCount,
  readNumber,
  UsageError,
} from "../../bench/command_line.ts";
import { readRequest } from "../../bench/request.ts";

function refuses(read: () => unknown, message: string) {
  assert.throws(read, (fault) => {
    assert.ok(fault instanceof UsageError);
    assert.equal(fault.message, message);
    return true;
  });
}

Deno.test("numbers that can't be meant are refused, for a bench without runs would say nothing and pass", () => {
  for (const text of ["x", "", "0", "-1", "Infinity", "1.5"]) {
    const message = "--runs must be a whole number above 0.";
    refuses(() => readCount("runs", text), message);
    if (text === "1.5") continue;
    refuses(
      () => readNumber("seconds", text),
      "--seconds must be a number above 0.",
    );
  }
  assert.equal(readCount("runs", "3"), 3);
  assert.equal(readNumber("seconds", "1.5"), 1.5);
});

Deno.test("an unknown option is refused in one line", () => {
  const config = { options: { runs: { type: "string" } } } as const;
  refuses(
    () => readArguments({ ...config, args: ["--run", "1"] }),
    "Unknown option '--run'.",
  );
  const { values } = readArguments({ ...config, args: ["--runs", "1"] });
  assert.equal(values.runs, "1");
});

Deno.test("what would mean nothing beside the rest is refused", () => {
  const cases = {
    "soak talk": "talk means nothing beside soak.",
    "talk soak": "talk means nothing beside soak.",
    "soak --record": "--record means nothing beside soak.",
    "soak --quick": "--quick means nothing beside soak.",
    "talk --minutes 3": "--minutes means nothing beside a work.",
    "talk --record --isolates 2": "--isolates means nothing beside --record.",
    "nothing": "No such work: nothing.",
    "talk --transport tcp": "--transport must be node or native.",
  };
  for (const [line, message] of Object.entries(cases)) {
    refuses(() => readRequest(line.split(" ")), message);
  }
});

Deno.test("only what is served as it was when it was recorded is held against that", () => {
  const comparable = (...args: string[]) => readRequest(args).comparable;
  assert.equal(comparable("talk", "--runs", "1"), true);
  assert.equal(comparable("talk", "--transport", "native"), false);
  assert.equal(comparable("talk", "--isolates", "2"), false);
});

Deno.test("the quick bench is a part of the other, and shorter", () => {
  const [full, quick] = [readRequest([]), readRequest(["--quick"])];
  assert.ok(quick.works.length > 0);
  assert.ok(quick.works.every((work) => full.works.includes(work)));
  assert.ok(quick.works.length < full.works.length);
  assert.deepEqual([full.runs, full.options.seconds], [5, 5]);
  assert.deepEqual([quick.runs, quick.options.seconds], [3, 1.5]);
  assert.deepEqual(readRequest(["soak"]).soaking, 60);
});
