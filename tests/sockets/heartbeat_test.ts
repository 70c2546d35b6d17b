// Who is pinged, and who is given up, on a clock that the test moves.
import assert from "node:assert/strict";
import { LIMITS } from "../../kv/limits.ts";
import { Heartbeat, type Patient } from "../../realtime/session/heartbeat.ts";
import { FakeClock } from "../fake_clock.ts";

const INTERVAL = LIMITS.heartbeatMs;

class Log implements Patient {
  readonly entries: string[] = [];
  constructor(private readonly clock: FakeClock) {}
  ping() {
    this.entries.push(`ping ${this.clock.elapsed()}`);
  }
  silent() {
    this.entries.push(`silent ${this.clock.elapsed()}`);
  }
}

/** Starts a heartbeat for the time of a test, and sees it end. */
async function beating(
  act: (
    heartbeat: Heartbeat,
    clock: FakeClock,
    thrown: unknown[],
  ) => Promise<void>,
) {
  const clock = new FakeClock();
  const thrown: unknown[] = [];
  const heartbeat = new Heartbeat(clock, (error) => thrown.push(error));
  const stop = new AbortController();
  const ended = heartbeat.start(stop.signal);
  await act(heartbeat, clock, thrown);
  stop.abort();
  await ended;
}

Deno.test("Heartbeat pings each interval while it hears something", () =>
  beating(async (heartbeat, clock) => {
    const log = new Log(clock);
    const pulse = heartbeat.join(log);
    for (let round = 1; round <= 4; round++) {
      await clock.advance(INTERVAL - 1);
      pulse.beat();
      await clock.advance(1);
    }
    assert.deepEqual(
      log.entries,
      [1, 2, 3, 4].map((n) => `ping ${n * INTERVAL}`),
    );
    assert.equal(heartbeat.size, 1);
  }));

Deno.test("Heartbeat gives up after two silent intervals, once", () =>
  beating(async (heartbeat, clock) => {
    const log = new Log(clock);
    heartbeat.join(log);
    await clock.advance(10 * INTERVAL);
    assert.deepEqual(log.entries, [
      `ping ${INTERVAL}`,
      `silent ${2 * INTERVAL}`,
    ]);
    assert.equal(heartbeat.size, 0);
  }));

Deno.test("Heartbeat gives up two intervals after the last sign of life, not later", () =>
  beating(async (heartbeat, clock) => {
    const log = new Log(clock);
    const pulse = heartbeat.join(log);
    await clock.advance(1000);
    pulse.beat();
    await clock.advance(2 * INTERVAL - 1);
    assert.deepEqual(log.entries, [`ping ${INTERVAL}`, `ping ${2 * INTERVAL}`]);
    await clock.advance(1);
    assert.equal(log.entries.at(-1), `silent ${2 * INTERVAL + 1000}`);
  }));

Deno.test("Heartbeat keeps who answers late", () =>
  beating(async (heartbeat, clock) => {
    const log = new Log(clock);
    const pulse = heartbeat.join(log);
    for (let round = 0; round < 4; round++) {
      await clock.advance(2 * INTERVAL - 1);
      pulse.beat();
    }
    assert.equal(
      log.entries.some((entry) => entry.startsWith("silent")),
      false,
    );
    assert.equal(heartbeat.size, 1);
  }));

Deno.test("Heartbeat.leave() ends it", () =>
  beating(async (heartbeat, clock) => {
    const log = new Log(clock);
    const pulse = heartbeat.join(log);
    heartbeat.leave(pulse);
    heartbeat.leave(pulse);
    assert.equal(heartbeat.size, 0);
    await clock.advance(3 * INTERVAL);
    assert.deepEqual(log.entries, []);
  }));

Deno.test("Heartbeat goes on when a patient throws or leaves while it is visited", () =>
  beating(async (heartbeat, clock, thrown) => {
    const log = new Log(clock);
    const leaving = heartbeat.join({
      ping: () => heartbeat.leave(leaving),
      silent: () => log.entries.push("left, yet told"),
    });
    heartbeat.join({
      ping: () => {
        throw new Error("fault");
      },
      silent: () => {},
    });
    heartbeat.join(log);
    await clock.advance(3 * INTERVAL);
    assert.deepEqual(thrown.map(String), ["Error: fault"]);
    assert.deepEqual(log.entries, [
      `ping ${INTERVAL}`,
      `silent ${2 * INTERVAL}`,
    ]);
    assert.equal(heartbeat.size, 0);
  }));

Deno.test("Heartbeat does not take its own sleep for the clients' silence", async () => {
  const clock = new FakeClock();
  const heartbeat = new Heartbeat(
    clock,
    (thrown) => assert.fail(String(thrown)),
  );
  const log = new Log(clock);
  const pulse = heartbeat.join(log);
  await clock.advance(5 * INTERVAL);
  heartbeat.tick();
  assert.deepEqual(log.entries, [`ping ${5 * INTERVAL}`]);
  for (let second = 0; second < 3 * INTERVAL / 1000; second++) {
    await clock.advance(1000);
    heartbeat.tick();
  }
  assert.deepEqual(log.entries.at(-1), `silent ${7 * INTERVAL}`);
  heartbeat.leave(pulse);
});

Deno.test("Heartbeat visits each of 10,000 patients once per interval, and only when due", async () => {
  const clock = new FakeClock();
  const heartbeat = new Heartbeat(
    clock,
    (thrown) => assert.fail(String(thrown)),
  );
  const perSecond = 10_000 * 1000 / INTERVAL;
  let pings = 0;
  for (let second = 0; second < INTERVAL / 1000; second++) {
    for (let count = 0; count < perSecond; count++) {
      heartbeat.join({ ping: () => pings++, silent: assert.fail });
    }
    await clock.advance(1000);
    heartbeat.tick();
  }
  for (let second = 0; second < INTERVAL / 1000 - 1; second++) {
    const before = pings;
    await clock.advance(1000);
    heartbeat.tick();
    assert.equal(pings - before, perSecond);
  }
  assert.equal(heartbeat.size, 10_000);
});
