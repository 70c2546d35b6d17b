// When a commit begins: alone at once, in company a moment later, and never later than that.
import assert from "node:assert/strict";
import { Gathering } from "../../kv/log/gathering.ts";

/** A clock whose every turn takes a tenth of a millisecond and brings what a test says. */
class TurningClock {
  turns = 0;
  #elapsed = 0;

  constructor(private readonly bring: () => void = () => {}) {}

  now = () => 0;
  elapsed = () => this.#elapsed;
  sleep = () => Promise.resolve();
  turn() {
    this.turns++;
    this.#elapsed += 0.1;
    this.bring();
    return Promise.resolve();
  }
}

Deno.test("who speaks alone is not waited for", async () => {
  const clock = new TurningClock();
  const gathering = new Gathering(clock);
  for (let i = 0; i < 10; i++) await gathering.gather(() => 1);
  assert.equal(clock.turns, 0);
});

Deno.test("where many spoke lately, most of them are waited for", async () => {
  let waiting = 40;
  const clock = new TurningClock(() => waiting += 6);
  const gathering = new Gathering(clock);
  await gathering.gather(() => waiting);
  assert.equal(clock.turns, 0);
  waiting = 1;
  await gathering.gather(() => waiting);
  assert.equal(waiting, 37);
});

Deno.test("nobody is waited for longer than a moment, and those who fell silent are forgotten", async () => {
  const clock = new TurningClock();
  const gathering = new Gathering(clock);
  await gathering.gather(() => 200);
  const waits: number[] = [];
  for (let i = 0; i < 10; i++) {
    const before = clock.turns;
    await gathering.gather(() => 1);
    waits.push(clock.turns - before);
  }
  assert.ok(waits.every((turns) => turns <= 11), `${waits}`);
  assert.equal(waits.at(-1), 0);
});
