// What is due is due on time, also in a month or never.
import assert from "node:assert/strict";
import { Deadline } from "../../realtime/session/deadline.ts";
import { FakeClock } from "../fake_clock.ts";

const DAY = 24 * 3600_000;

for (const days of [1, 40, 400]) {
  Deno.test(`a deadline in ${days} days is kept, though timers count in 32 bits`, async () => {
    const clock = new FakeClock();
    const deadline = new Deadline(clock);
    let due = false;
    deadline.set(days * DAY, () => due = true);
    await clock.advance(days * DAY - 1);
    assert.equal(due, false);
    await clock.advance(1);
    await new Promise((resolve) => setTimeout(resolve));
    assert.equal(due, true);
    assert.equal(clock.sleeping, 0);
  });
}

Deno.test("what is never due is not, and can be called off", async () => {
  const clock = new FakeClock();
  const deadline = new Deadline(clock);
  let due = false;
  deadline.set(Infinity, () => due = true);
  await clock.advance(1000 * DAY);
  assert.equal(due, false);
  deadline.clear();
  assert.equal(clock.sleeping, 0);
});
