// What the log says to whoever sets a server up: enough to find the mistake, and no more however many ask.
import assert from "node:assert/strict";
import { openJournal } from "../../kv/journal.ts";
import { Hints } from "../../routes/hints.ts";
import { FakeClock } from "../fake_clock.ts";
import { inApp } from "./world.ts";

function hinting() {
  const clock = new FakeClock();
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const journal = openJournal({ level: "info", form: "human", clock, write });
  return { clock, lines, hints: new Hints(clock, journal) };
}

Deno.test("a hint is said once a minute for each reason, whatever was sent", async () => {
  const { clock, lines, hints } = hinting();
  for (let minute = 0; minute < 3; minute++) {
    for (let n = 0; n < 100; n++) {
      hints.tell("door", "Closed.", { origin: `https://${n}.example` });
      hints.tell("door", "Locked.");
    }
    await clock.advance(30_000);
    hints.tell("door", "Closed.");
    await clock.advance(30_000);
  }
  assert.equal(lines.length, 6);
  hints.tell("window", "Closed.", {}, Infinity);
  await clock.advance(60_000);
  hints.tell("window", "Closed.", {}, Infinity);
  assert.equal(lines.length, 7);
});

Deno.test("what a stranger sent makes no line, no colour and no long text of its own", () => {
  const { lines, hints } = hinting();
  const origin = `https://a\n00:00:00 error\u001b[31m ${"x".repeat(1000)}`;
  hints.tell("door", "Closed.", { origin });
  assert.match(lines[0]!, /^[\x20-\x7e]{20,250}$/);
  assert.match(lines[0]!, /origin=https:\/\/a\?00:00:00 error\?\[31m x+$/);
});

Deno.test("a page of an origin that no setting names is told of in the log, one's own and those of friends are not", async () => {
  const { lines, hints } = hinting();
  const settings = { origins: ["https://chat.example.com"], hints };
  await inApp(async ({ fetch }) => {
    const ask = (origin: string) =>
      fetch("/api/v1/rooms", { headers: { origin, host: "kvorum.example" } });
    await ask("https://chat.example.com");
    await ask("https://kvorum.example");
    await fetch("/api/v1/rooms");
    assert.deepEqual(lines, []);
    await ask("http://localhost:3000");
    assert.match(lines[0]!, /origin\.refused .*ORIGINS.*localhost:3000$/);
    await ask("null");
    assert.equal(lines.length, 1);
  }, settings);
});
