// Time that nobody listened is nobody's silence.
import assert from "node:assert/strict";
import { Attention, TICK_MS } from "../../realtime/session/attention.ts";
import { Deadline } from "../../realtime/session/deadline.ts";
import { FakeClock } from "../fake_clock.ts";

Deno.test("Attention goes like the clock while it is ticked, and stands still until a late tick and at it", async () => {
  const clock = new FakeClock();
  const attention = new Attention(clock);
  for (let tick = 1; tick <= 10; tick++) {
    await clock.advance(TICK_MS);
    assert.equal(attention.elapsed(), tick * TICK_MS);
    attention.tick();
    assert.equal(attention.elapsed(), tick * TICK_MS);
  }
  await clock.advance(60_000);
  const late = attention.elapsed();
  assert.ok(late > 10 * TICK_MS && late < 12 * TICK_MS);
  await clock.advance(60_000);
  assert.equal(attention.elapsed(), late);
  assert.equal(attention.tick(), 120_000);
  assert.equal(attention.elapsed(), late);
  await clock.advance(TICK_MS);
  assert.equal(attention.elapsed(), late + TICK_MS);
});

Deno.test("what is due by Attention waits as long as nobody listened, and for no longer", async () => {
  const clock = new FakeClock();
  const attention = new Attention(clock);
  const deadline = new Deadline(attention);
  let due = false;
  deadline.set(5 * TICK_MS, () => due = true);
  // Always a second late: every tick brings it nearer all the same.
  for (let tick = 1; tick <= 4; tick++) {
    await clock.freeze(2 * TICK_MS);
    attention.tick();
    assert.equal(due, false);
  }
  for (let tick = 1; tick <= 3; tick++) {
    await clock.freeze(2 * TICK_MS);
    attention.tick();
  }
  assert.equal(due, true);
  assert.equal(clock.sleeping, 0);
});
