// What the bench makes of its command line.
import assert from "node:assert/strict";
import {
  readArguments,
  readCount,
  readNumber,
  UsageError,
} from "../../bench/command_line.ts";

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
