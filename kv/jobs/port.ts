// Work that waits: what a job is, how a commit enqueues one, what a handler promises.
import { randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import type { Mutation } from "../store.ts";

export interface Job {
  readonly id: string;
  /** Names the handler. */
  readonly kind: string;
  /** JSON; as the one who enqueued it wrote it, perhaps by an older version. */
  readonly data: unknown;
  /** How often it was started, this time included. */
  readonly attempts: number;
}

/** A job under its due time; what a claim moves to the end of its lease. */
export interface JobRow {
  readonly v: 1;
  readonly kind: string;
  readonly data: unknown;
  readonly attempts: number;
}

/** A job that failed too often, kept for people to look at. */
export interface DeadJobRow extends JobRow {
  readonly error: string;
  readonly diedAt: number;
}

/**
 * Does the work of one kind of job. It may run again after it succeeded, and beside itself when it takes longer
 * than the lease: so it must be idempotent. Throwing means: again later.
 */
export type JobHandler = (job: Job) => Promise<void>;
export type JobHandlers = Readonly<Record<string, JobHandler>>;

/** Enqueues a job, by being part of the commit that makes it necessary. `dueAt` in milliseconds since 1970. */
export function jobMutation(
  kind: string,
  data: unknown,
  dueAt: number,
  id: string = randomId(),
): Mutation {
  const row: JobRow = { v: 1, kind, data, attempts: 0 };
  return { key: keys.job(dueAt, id), value: row };
}
