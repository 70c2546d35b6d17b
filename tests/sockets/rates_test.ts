// How often something may be done, and whose address counts as whose.
import assert from "node:assert/strict";
import { addressKey } from "../../kv/address.ts";
import { type RateKind, RateLimits, RATES } from "../../kv/rates.ts";
import { FakeClock } from "../fake_clock.ts";

const KINDS = Object.keys(RATES) as RateKind[];

/** How many may be done at once. */
function drain(take: () => number | null): number {
  let taken = 0;
  while (take() === null) {
    taken++;
    assert.ok(taken < 100_000, "there is no limit");
  }
  return taken;
}

for (const kind of KINDS) {
  Deno.test(`RateLimits allows the burst of ${kind} and then its pace`, async () => {
    const clock = new FakeClock();
    const limits = new RateLimits(clock, 1);
    const { count, perMs, burst } = RATES[kind];
    assert.equal(drain(() => limits.take(kind, "k")), burst);
    await clock.advance(perMs);
    assert.equal(drain(() => limits.take(kind, "k")), count);
    await clock.advance(perMs * burst);
    assert.equal(drain(() => limits.take(kind, "k")), burst);
  });
}

Deno.test("RateLimits says when it may be done again, to the millisecond", async () => {
  const clock = new FakeClock();
  const limits = new RateLimits(clock, 1);
  drain(() => limits.take("signInsByName", "ada"));
  const wait = limits.take("signInsByName", "ada");
  assert.equal(wait, 6_000);
  await clock.advance(5_999);
  assert.equal(limits.take("signInsByName", "ada"), 1);
  await clock.advance(1);
  assert.equal(limits.take("signInsByName", "ada"), null);
  assert.equal(limits.take("signInsByName", "ada"), 6_000);
});

Deno.test("RateLimits counts each key and each kind by itself", () => {
  const limits = new RateLimits(new FakeClock(), 1);
  drain(() => limits.take("messages", "u1"));
  assert.equal(limits.take("messages", "u2"), null);
  assert.equal(limits.take("requests", "u1"), null);
  assert.notEqual(limits.take("messages", "u1"), null);
});

Deno.test("RateLimits.bucket() is one bucket of its own", async () => {
  const clock = new FakeClock();
  const limits = new RateLimits(clock, 1);
  const bucket = limits.bucket("commands");
  assert.equal(drain(() => bucket.take()), RATES.commands.burst);
  assert.equal(bucket.take(), 20);
  assert.equal(limits.bucket("commands").take(), null);
  await clock.advance(20);
  assert.equal(bucket.take(), null);
});

Deno.test("the scale multiplies pace and burst", async () => {
  const clock = new FakeClock();
  for (const scale of [0.5, 3, 1 / 3, 0.001]) {
    const bucket = new RateLimits(clock, scale).bucket("messages");
    assert.equal(
      drain(() => bucket.take()),
      Math.max(1, Math.floor(60 * scale)),
    );
    await clock.advance(1000 / scale);
    assert.equal(
      drain(() => bucket.take()),
      Math.max(1, Math.min(20, Math.floor(60 * scale))),
    );
  }
});

Deno.test("a scale of 0 switches limits off", () => {
  const limits = new RateLimits(new FakeClock(), 0);
  const bucket = limits.bucket("commands");
  for (let count = 0; count < 1000; count++) {
    assert.equal(limits.take("registrations", "k"), null);
    assert.equal(bucket.take(), null);
  }
  assert.equal(limits.size, 0);
});

Deno.test("RateLimits forgets full buckets, and none before it is full", async () => {
  const clock = new FakeClock();
  const limits = new RateLimits(clock, 1);
  const full = 60_000 * RATES.signIns.burst / RATES.signIns.count;
  drain(() => limits.take("signIns", "a"));
  // Its token came back halfway; a look at others in between must not fill the bucket.
  await clock.advance(full / 2 + 1);
  limits.take("signIns", "b");
  await clock.advance(full / 2 - 2_001);
  limits.take("signIns", "c");
  assert.equal(
    drain(() => limits.take("signIns", "a")),
    RATES.signIns.burst - 1,
  );
  for (let round = 0; round < 3; round++) {
    await clock.advance(full + 1);
    limits.take("signIns", "d");
  }
  assert.equal(limits.size, 2, "d, now and a turn ago");
});

Deno.test("RateLimits remembers a bounded number of keys, the busy ones among them", () => {
  const limits = new RateLimits(new FakeClock(), 1);
  drain(() => limits.take("sockets", "busy"));
  for (let n = 0; n < 300_000; n++) {
    limits.take("sockets", `key ${n}`);
    if (n % 10_000 === 0) assert.notEqual(limits.take("sockets", "busy"), null);
  }
  assert.ok(limits.size <= 100_000, `${limits.size}`);
});

for (
  const [address, key] of [
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::FFFF:192.0.2.7", "192.0.2.7"],
    ["2001:db8:0:1:aaaa::1", "2001:db8:0:1"],
    ["2001:0DB8:0000:0001:ffff:ffff:ffff:ffff", "2001:db8:0:1"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    ["::", "0:0:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["nonsense", "nonsense"],
    ["1:2:3:4:5:6:7:8:9::a", "1:2:3:4"],
  ] as const
) {
  Deno.test(`addressKey() of ${address} is ${key}`, () => {
    assert.equal(addressKey(address), key);
  });
}
