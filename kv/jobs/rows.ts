// Jobs as rows in order of their due time. A claim moves the row to the end of its lease, so a crash lets it come back.
import type { Clock } from "../clock.ts";
import { keys } from "../keys.ts";
import type { Commit, Found, Key, Outcome, Store } from "../store.ts";
import type { DeadJobRow, Job, JobRow } from "./port.ts";

export interface JobTiming {
  /** How long a claimed job belongs to its claimer. */
  readonly leaseMs: number;
  /** The wait after the first failure; each further one doubles it. */
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
  /** After so many starts a job is dead. */
  readonly attempts: number;
}

export const JOB_TIMING: JobTiming = {
  leaseMs: 60_000,
  firstRetryMs: 1000,
  longestRetryMs: 3600_000,
  attempts: 10,
};

/** A job as it now stands: whoever finishes it checks that it still does. */
export interface Claim {
  readonly job: Job;
  readonly key: Key;
  readonly version: string;
  readonly row: JobRow;
}

const AT_ONCE = 100;

export class JobRows {
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly timing: JobTiming,
  ) {}

  /** The jobs that are due, the longest waiting first; at most a hundred. */
  due(): Promise<Found<JobRow>[]> {
    return this.store.list<JobRow>(keys.jobs(), {
      end: [...keys.jobs(), this.clock.now() + 1],
      limit: AT_ONCE,
    });
  }

  /**
   * Takes a job, or answers null: another worker has it, it is dead, or no answer came. In the last case
   * it may be ours without our knowing, and comes back after its lease.
   */
  async claim(found: Found<JobRow>): Promise<Claim | null> {
    const id = idOf(found.key);
    // Started so often without ever ending: it takes the process down with it.
    if (found.value.attempts >= this.timing.attempts) {
      await this.#bury(found, "started too often and never finished");
      return null;
    }
    const row = { ...found.value, attempts: found.value.attempts + 1 };
    const key = keys.job(this.clock.now() + this.timing.leaseMs, id);
    const outcome = await this.#move(found, { key, value: row });
    if (outcome.kind !== "stored") return null;
    const { kind, data, attempts } = row;
    return {
      job: { id, kind, data, attempts },
      key,
      version: outcome.version,
      row,
    };
  }

  /** Takes a finished job away; if the lease has ended, whoever claimed it since finishes it again. */
  async complete({ key, version }: Claim): Promise<void> {
    await this.store.commit({
      checks: [{ key, version }],
      mutations: [{ key, delete: true }],
    });
  }

  /** Lets a failed job run again later, or buries it. */
  async fail(claim: Claim, error: unknown): Promise<void> {
    const { job, key, row, version } = claim;
    if (job.attempts >= this.timing.attempts) {
      return await this.#bury({ key, value: row, version }, String(error));
    }
    const dueAt = this.clock.now() + this.#retryMs(job.attempts);
    await this.#move(claim, { key: keys.job(dueAt, job.id), value: row });
  }

  async #bury(found: Found<JobRow>, error: string): Promise<void> {
    const dead: DeadJobRow = {
      ...found.value,
      error: error.slice(0, 1000),
      diedAt: this.clock.now(),
    };
    await this.#move(found, {
      key: keys.deadJob(idOf(found.key)),
      value: dead,
    });
  }

  /** Jittered, so that what failed together does not come back together. */
  #retryMs(attempts: number): number {
    const { firstRetryMs, longestRetryMs } = this.timing;
    const wait = Math.min(firstRetryMs * 2 ** (attempts - 1), longestRetryMs);
    return Math.ceil(wait * (0.5 + Math.random() / 2));
  }

  /** Under a check of where it stands: of two workers one moves it. */
  #move(
    from: { readonly key: Key; readonly version: string },
    to: Commit["mutations"][number] & { readonly value: unknown },
  ): Promise<Outcome> {
    return this.store.commit({
      checks: [{ key: from.key, version: from.version }],
      mutations: [{ key: from.key, delete: true }, to],
    });
  }
}

function idOf(key: Key): string {
  return String(key.at(-1));
}
