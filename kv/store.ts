// The part of Deno KV that Kvorum uses: open, read, list, checked commits, watch. The only file that names Deno.Kv.
import { type Clock, systemClock } from "./clock.ts";
import { Refused } from "./errors.ts";
import { GatheredReads, KEYS_PER_READ } from "./gathered_reads.ts";
import { isUrl } from "./setting_forms.ts";
import { decodeValue, encodeValue } from "./values.ts";

export type KeyPart = string | number;
export type Key = readonly KeyPart[];

/** A row as read: `version` is null where there is none. */
export interface Row<T = unknown> {
  readonly key: Key;
  readonly value: T | null;
  readonly version: string | null;
}

/** A row that exists. */
export interface Found<T = unknown> {
  readonly key: Key;
  readonly value: T;
  readonly version: string;
}

export interface Check {
  readonly key: Key;
  readonly version: string | null;
}

export type Mutation =
  | {
    readonly key: Key;
    readonly value: unknown;
    readonly expireInMs?: number;
  }
  | { readonly key: Key; readonly delete: true };

export interface Commit {
  readonly checks: readonly Check[];
  readonly mutations: readonly Mutation[];
  /** Rows stored under `[...prefix, commit versionstamp]`: at most one for each prefix. */
  readonly appends?: readonly {
    readonly prefix: Key;
    readonly value: unknown;
    readonly expireInMs: number;
  }[];
}

/**
 * What became of a commit. `lost`: a check failed, nothing was stored. `unknown`: no answer came,
 * so it may or may not be stored, even later; only reading under the same checks can tell.
 */
export type Outcome =
  | { readonly kind: "stored"; readonly version: string }
  | { readonly kind: "lost" }
  | { readonly kind: "unknown"; readonly cause: unknown };

export interface ListOptions {
  /** First key of the range, inclusive. */
  readonly start?: Key;
  /** End of the range, exclusive. */
  readonly end?: Key;
  readonly limit?: number;
  readonly reverse?: boolean;
}

export interface Store {
  get<T>(key: Key): Promise<Row<T>>;
  /** Any number of keys: up to ten in one snapshot, more in several. */
  getMany<T>(keys: readonly Key[]): Promise<Row<T>[]>;
  /** Rows below `prefix`, in key order. Without a limit all of them, so the caller must know a bound. */
  list<T>(prefix: Key, options?: ListOptions): Promise<Found<T>[]>;
  /** Never rejects. */
  commit(commit: Commit): Promise<Outcome>;
  /** Calls `rung` after a change of `key`, at least once for the last of several. Ends with the signal. */
  watch(key: Key, rung: () => void, signal: AbortSignal): Promise<void>;
  close(): void;
}

const LIST_BATCH = 1000;
const COMMIT_DEADLINE_MS = 10_000;
const LOCKED_TRIES = 50;

/**
 * Opens the database at `path`: a file, `:memory:`, or a denokv URL. Undefined is the one that the platform
 * has attached.
 *
 * Two isolates opening or writing one SQLite file can be answered "database is locked";
 * that is a busy moment, not an outcome, so it is tried again here and never shown.
 */
export async function openStore(
  path: string | undefined,
  clock: Clock = systemClock,
): Promise<Store> {
  const kv = await whenUnlocked(clock, () => Deno.openKv(path));
  // Over the net a handle is one connection, and what a watch tells would wait behind what is read and written.
  const isRemote = path === undefined || isUrl(path);
  const watched = isRemote ? await Deno.openKv(path) : kv;
  const watchers = new Set<ReadableStreamDefaultReader<unknown>>();

  const readMany = async <T>(keys: readonly Key[]): Promise<Row<T>[]> => {
    const asked = keys.map(toKvKey);
    const entries = await whenUnlocked(
      clock,
      () => kv.getMany<unknown[]>(asked),
    );
    return entries.map((entry) => toRow<T>(entry));
  };
  const few = new GatheredReads<Key, Row>(readMany);

  return {
    async get<T>(key: Key) {
      const [row] = await few.read([key]);
      return row as Row<T>;
    },

    async getMany<T>(keys: readonly Key[]) {
      if (keys.length <= KEYS_PER_READ) {
        return await few.read(keys) as Row<T>[];
      }
      const reads: Promise<Row<T>[]>[] = [];
      for (let i = 0; i < keys.length; i += KEYS_PER_READ) {
        reads.push(readMany(keys.slice(i, i + KEYS_PER_READ)));
      }
      return (await Promise.all(reads)).flat();
    },

    list<T>(prefix: Key, options: ListOptions = {}) {
      return whenUnlocked(clock, () => listAll<T>(kv, prefix, options));
    },

    async commit(commit) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const deadline = new Promise<Outcome>((resolve) => {
        timer = setTimeout(
          () => resolve({ kind: "unknown", cause: "no answer in time" }),
          COMMIT_DEADLINE_MS,
        );
      });
      const answer = whenUnlocked(clock, () => toAtomic(kv, commit).commit())
        .then<Outcome, Outcome>(
          (result) =>
            result.ok
              ? { kind: "stored", version: result.versionstamp }
              : { kind: "lost" },
          (cause) => ({ kind: "unknown", cause }),
        );
      const outcome = await Promise.race([answer, deadline]);
      clearTimeout(timer);
      return outcome;
    },

    async watch(key, rung, signal) {
      signal.throwIfAborted();
      const reader = watched.watch([toKvKey(key)]).getReader();
      watchers.add(reader);
      const stop = () => void reader.cancel();
      signal.addEventListener("abort", stop, { once: true });
      try {
        while (!(await reader.read()).done) rung();
      } finally {
        signal.removeEventListener("abort", stop);
        watchers.delete(reader);
      }
    },

    close() {
      for (const reader of watchers) void reader.cancel();
      if (isRemote) watched.close();
      kv.close();
    },
  };
}

/** Throws `unavailable` where a commit was not stored for certain; for writes that are not retried. */
export function requireStored(outcome: Outcome): void {
  if (outcome.kind !== "stored") {
    throw new Refused("unavailable", "The store did not answer; try again.");
  }
}

async function listAll<T>(
  kv: Deno.Kv,
  prefix: Key,
  { start, end, limit, reverse }: ListOptions,
): Promise<Found<T>[]> {
  const prefixKey = toKvKey(prefix);
  const selector: Deno.KvListSelector = start !== undefined
    ? end !== undefined
      ? { start: toKvKey(start), end: toKvKey(end) }
      : { prefix: prefixKey, start: toKvKey(start) }
    : end !== undefined
    ? { prefix: prefixKey, end: toKvKey(end) }
    : { prefix: prefixKey };
  const found: Found<T>[] = [];
  const entries = kv.list(selector, {
    ...(limit === undefined ? {} : { limit }),
    reverse: reverse ?? false,
    batchSize: Math.min(limit ?? LIST_BATCH, LIST_BATCH),
  });
  for await (const entry of entries) {
    found.push({
      key: entry.key as Key,
      value: decodeValue(entry.value) as T,
      version: entry.versionstamp,
    });
  }
  return found;
}

function toAtomic(kv: Deno.Kv, commit: Commit): Deno.AtomicOperation {
  const atomic = kv.atomic();
  for (const { key, version } of commit.checks) {
    atomic.check({ key: toKvKey(key), versionstamp: version });
  }
  for (const mutation of commit.mutations) {
    if ("delete" in mutation) atomic.delete(toKvKey(mutation.key));
    else {
      const value = encodeValue(mutation.value);
      atomic.set(toKvKey(mutation.key), value, expiry(mutation));
    }
  }
  for (const append of commit.appends ?? []) {
    const key = [...append.prefix, kv.commitVersionstamp()] as Deno.KvKey;
    atomic.set(key, encodeValue(append.value), expiry(append));
  }
  return atomic;
}

function expiry(row: { readonly expireInMs?: number }): { expireIn?: number } {
  return row.expireInMs === undefined ? {} : { expireIn: row.expireInMs };
}

function toRow<T>(entry: Deno.KvEntryMaybe<unknown>): Row<T> {
  return {
    key: entry.key as Key,
    value: decodeValue(entry.value) as T | null,
    version: entry.versionstamp,
  };
}

// Deno.KvKey is a mutable array type although nothing changes it.
function toKvKey(key: Key): Deno.KvKey {
  return key as Deno.KvKey;
}

async function whenUnlocked<T>(
  clock: Clock,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let tries = 1;; tries++) {
    try {
      return await attempt();
    } catch (error) {
      const locked = error instanceof Error &&
        error.message.includes("database is locked");
      if (!locked || tries === LOCKED_TRIES) throw error;
      await clock.sleep(Math.min(2 ** tries, 100) * (0.5 + Math.random() / 2));
    }
  }
}
