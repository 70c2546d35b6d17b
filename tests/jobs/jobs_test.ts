// The queue of jobs: leases, retries, dead letters.
import assert from "node:assert/strict";
import { type DeadJobRow, type Job, jobMutation } from "../../kv/jobs/port.ts";
import { JOB_TIMING, JobRows } from "../../kv/jobs/rows.ts";
import { runDueJobs } from "../../kv/jobs/run.ts";
import { keys } from "../../kv/keys.ts";
import { openStore, type Store } from "../../kv/store.ts";
import { FakeClock } from "../fake_clock.ts";

interface World {
  readonly store: Store;
  readonly clock: FakeClock;
  enqueue(data: unknown, dueAt?: number): Promise<void>;
}

async function inWorld(test: (world: World) => Promise<void>): Promise<void> {
  const clock = new FakeClock();
  const store = await openStore(":memory:");
  const enqueue = async (data: unknown, dueAt = clock.now()) => {
    const mutations = [jobMutation("test", data, dueAt)];
    await store.commit({ checks: [], mutations });
  };
  try {
    await test({ store, clock, enqueue });
  } finally {
    store.close();
  }
}

function fail(): Promise<void> {
  return Promise.reject(new Error("not today"));
}

Deno.test("runDueJobs() runs what is due, in order of time, and nothing twice", () =>
  inWorld(async (world) => {
    const { clock, enqueue } = world;
    await enqueue("second", clock.now());
    await enqueue("first", clock.now() - 1);
    await enqueue("later", clock.now() + 1);
    const ran: unknown[] = [];
    const handlers = {
      test: ({ data }: Job) => Promise.resolve(void ran.push(data)),
    };
    assert.equal(await runDueJobs(world, handlers), 2);
    assert.equal(await runDueJobs(world, handlers), 0);
    assert.deepEqual(ran, ["first", "second"]);
    await clock.advance(1);
    assert.equal(await runDueJobs(world, handlers), 1);
  }));

Deno.test("runDueJobs() runs a job again after the lease of a worker that died", () =>
  inWorld(async (world) => {
    const { store, clock, enqueue } = world;
    await enqueue("work");
    const dying = new JobRows(store, clock, JOB_TIMING);
    const [found] = await dying.due();
    assert.ok(await dying.claim(found!));

    const attempts: number[] = [];
    const handlers = {
      test: (job: Job) => Promise.resolve(void attempts.push(job.attempts)),
    };
    await clock.advance(JOB_TIMING.leaseMs - 1);
    assert.equal(await runDueJobs(world, handlers), 0);
    await clock.advance(1);
    assert.equal(await runDueJobs(world, handlers), 1);
    assert.deepEqual(attempts, [2]);
    assert.deepEqual(await store.list(keys.jobs()), []);
  }));

Deno.test("runDueJobs() of two workers runs each job once", () =>
  inWorld(async (world) => {
    for (let i = 0; i < 20; i++) await world.enqueue(i);
    const ran: unknown[] = [];
    const handlers = {
      test: ({ data }: Job) => Promise.resolve(void ran.push(data)),
    };
    const counts = await Promise.all([
      runDueJobs(world, handlers),
      runDueJobs(world, handlers),
    ]);
    assert.equal(counts[0]! + counts[1]!, 20);
    assert.equal(new Set(ran).size, 20);
    assert.equal(ran.length, 20);
  }));

Deno.test("a claim whose lease ended can neither complete nor fail what another has claimed", () =>
  inWorld(async ({ store, clock, enqueue }) => {
    await enqueue("work");
    const rows = new JobRows(store, clock, JOB_TIMING);
    const slow = await rows.claim((await rows.due())[0]!);
    await clock.advance(JOB_TIMING.leaseMs);
    const quick = await rows.claim((await rows.due())[0]!);
    await rows.complete(slow!);
    await rows.fail(slow!, new Error("late"));
    const left = await store.list(keys.jobs());
    assert.deepEqual(left.map((row) => row.key), [quick!.key]);
  }));

Deno.test("a failing job comes back later each time and ends as a dead letter", () =>
  inWorld(async (world) => {
    const { store, clock, enqueue } = world;
    await enqueue({ room: "r1" });
    for (let attempt = 1; attempt < JOB_TIMING.attempts; attempt++) {
      assert.equal(await runDueJobs(world, { test: fail }), 1);
      const [row] = await store.list(keys.jobs());
      const wait = Number(row!.key[1]) - clock.now();
      const longest = JOB_TIMING.firstRetryMs * 2 ** (attempt - 1);
      assert.ok(
        wait >= longest / 2 && wait <= longest,
        `${wait} of ${longest}`,
      );
      await clock.advance(wait);
    }
    assert.equal(await runDueJobs(world, { test: fail }), 1);
    assert.deepEqual(await store.list(keys.jobs()), []);
    const [dead] = await store.list<DeadJobRow>(keys.deadJobs());
    assert.deepEqual(dead?.value.data, { room: "r1" });
    assert.match(dead!.value.error, /not today/);
    assert.equal(dead?.value.attempts, JOB_TIMING.attempts);
  }));

Deno.test("a job that always takes its worker down ends as a dead letter", () =>
  inWorld(async (world) => {
    const { store, clock, enqueue } = world;
    await enqueue("poison");
    const rows = new JobRows(store, clock, JOB_TIMING);
    for (let i = 0; i < JOB_TIMING.attempts; i++) {
      assert.ok(await rows.claim((await rows.due())[0]!));
      await clock.advance(JOB_TIMING.leaseMs);
    }
    assert.equal(await runDueJobs(world, { test: fail }), 0);
    assert.deepEqual(await store.list(keys.jobs()), []);
    assert.equal((await store.list(keys.deadJobs())).length, 1);
  }));

Deno.test("a job without a handler waits for a version that has one, and a failing one stops no other", () =>
  inWorld(async (world) => {
    const { store, clock, enqueue } = world;
    const mutations = [jobMutation("future", null, clock.now() - 1)];
    await store.commit({ checks: [], mutations });
    await enqueue("work");
    let ran = 0;
    const handlers = { test: () => Promise.resolve(void ran++) };
    assert.equal(await runDueJobs(world, handlers), 2);
    assert.equal(ran, 1);
    assert.equal((await store.list(keys.jobs())).length, 1);
  }));
