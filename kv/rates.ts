// How often something may be done, by REST and by socket alike: one table, and token buckets that follow it.
import type { Clock } from "./clock.ts";
import { LIMITS } from "./limits.ts";
import { isService, type Principal } from "./principal.ts";

interface Rate {
  /** What is counted, and for whom each: both stand in the README. */
  readonly what: string;
  readonly by: string;
  readonly count: number;
  readonly perMs: number;
  /** How much may be done at once after a rest. */
  readonly burst: number;
}

const SECOND = 1_000;
const MINUTE = 60_000;

/**
 * What is limited, and by what key. What is counted by address is meant for a whole team behind
 * one NAT, with many tabs open and all coming back at once after a restart.
 */
export const RATES = {
  commands: {
    what: "Commands",
    by: "socket",
    count: 50,
    perMs: SECOND,
    burst: 200,
  },
  badFrames: {
    what: "Frames that are no commands",
    by: "socket, whatever `RATE_SCALE` says",
    count: 10,
    perMs: MINUTE,
    burst: LIMITS.badFrames - 1,
  },
  requests: {
    what: "Requests by REST; before they show a token, by address",
    by: "user",
    count: 50,
    perMs: SECOND,
    burst: 200,
  },
  userCommands: {
    what: "Commands on all sockets together",
    by: "user",
    count: 200,
    perMs: SECOND,
    burst: 800,
  },
  messages: {
    what: "Messages sent, edited and deleted",
    by: "user",
    count: 20,
    perMs: SECOND,
    burst: 60,
  },
  serviceRequests: {
    what: "A service's requests and commands in its own name",
    by: "service",
    count: 500,
    perMs: SECOND,
    burst: 2000,
  },
  serviceMessages: {
    what: "A service's messages in its own name",
    by: "service",
    count: 200,
    perMs: SECOND,
    burst: 600,
  },
  sockets: {
    what: "New sockets",
    by: "address",
    count: 20,
    perMs: SECOND,
    burst: 100,
  },
  signIns: {
    what: "Attempts to sign in, tokens that are refused too",
    by: "address",
    count: 30,
    perMs: MINUTE,
    burst: 60,
  },
  signInsByName: {
    what: "Attempts to sign in, whoever tries",
    by: "login name",
    count: 10,
    perMs: MINUTE,
    burst: 20,
  },
  registrations: {
    what: "New accounts",
    by: "address",
    count: 20,
    perMs: MINUTE,
    burst: 60,
  },
  invites: {
    what: "Invites made and tried",
    by: "user",
    count: 20,
    perMs: MINUTE,
    burst: 60,
  },
} as const satisfies Record<string, Rate>;

export type RateKind = keyof typeof RATES;

/** What a user's operations are counted as, besides a request or a command. */
export const BY_USER: Readonly<Record<string, RateKind>> = {
  "message.send": "messages",
  "message.edit": "messages",
  "message.delete": "messages",
  "invite.create": "invites",
  "invite.accept": "invites",
};

/** As what a service's requests in its own name are counted instead. */
const BY_SERVICE: Readonly<Partial<Record<RateKind, RateKind>>> = {
  requests: "serviceRequests",
  userCommands: "serviceRequests",
  messages: "serviceMessages",
};

/** As what it is counted, given who asks. Acting for a user, a service is limited as the user is. */
export function kindFor(kind: RateKind, principal: Principal): RateKind {
  return isService(principal) ? BY_SERVICE[kind] ?? kind : kind;
}

/** Keys that are remembered per kind, twice at most; the longest unused are forgotten first. */
const KEYS = 50_000;

/** So that the last token of a burst does not fall to a rounding error. */
const TOLERANCE_MS = 0.001;

/** The pace of one kind, in the form that is reckoned with. */
interface Pace {
  /** Milliseconds in which one token comes back. */
  readonly tokenMs: number;
  /** Milliseconds in which an empty bucket is full again. */
  readonly refillMs: number;
}

// A bucket is one number: the time at which it will be full again. In the past, it is full.

/** @returns the time it will be full after taking one, or null if there is none to take */
function takeOne(fullAt: number, now: number, pace: Pace): number | null {
  const after = Math.max(fullAt, now) + pace.tokenMs;
  return after - now > pace.refillMs + TOLERANCE_MS ? null : after;
}

function waitMs(fullAt: number, now: number, pace: Pace): number {
  return Math.ceil(fullAt + pace.tokenMs - now - pace.refillMs);
}

/** The bucket of one thing that lives as long as it is used, such as a socket. */
export class Bucket {
  #fullAt = 0;

  constructor(
    private readonly clock: Pick<Clock, "elapsed">,
    private readonly pace: Pace | null,
  ) {}

  /** @returns null if it may be done, else the milliseconds until it may */
  take(): number | null {
    if (this.pace === null) return null;
    const now = this.clock.elapsed();
    const after = takeOne(this.#fullAt, now, this.pace);
    if (after === null) return waitMs(this.#fullAt, now, this.pace);
    this.#fullAt = after;
    return null;
  }
}

/** Buckets by key. Who was not seen for as long as a bucket takes to fill has a full one, and needs no entry. */
class Buckets {
  #recent = new Map<string, number>();
  #older = new Map<string, number>();
  #turnedAt = 0;

  constructor(private readonly pace: Pace) {}

  take(key: string, now: number): number | null {
    if (
      now - this.#turnedAt > this.pace.refillMs || this.#recent.size >= KEYS
    ) {
      this.#older = this.#recent;
      this.#recent = new Map();
      this.#turnedAt = now;
    }
    const fullAt = this.#recent.get(key) ?? this.#older.get(key) ?? 0;
    const after = takeOne(fullAt, now, this.pace);
    // Also when refused: who keeps trying must not be forgotten among many other keys.
    this.#recent.set(key, after ?? fullAt);
    return after === null ? waitMs(fullAt, now, this.pace) : null;
  }

  get size(): number {
    return this.#recent.size + this.#older.size;
  }
}

/** All limits of one isolate. */
export class RateLimits {
  readonly #buckets = new Map<RateKind, Buckets>();

  /** @param scale multiplies every limit; 0 switches them off */
  constructor(
    private readonly clock: Pick<Clock, "elapsed">,
    private readonly scale: number,
  ) {}

  /**
   * Takes one of `key`'s tokens. The key is kept for a while: it must be short.
   *
   * @returns null if it may be done, else the milliseconds until it may
   */
  take(kind: RateKind, key: string): number | null {
    const pace = paceOf(kind, this.scale);
    if (pace === null) return null;
    let buckets = this.#buckets.get(kind);
    if (!buckets) this.#buckets.set(kind, buckets = new Buckets(pace));
    return buckets.take(key, this.clock.elapsed());
  }

  /** A bucket without a key, for its owner to keep; `fixed` where nothing may scale it. */
  bucket(kind: RateKind, fixed = false): Bucket {
    return new Bucket(this.clock, paceOf(kind, fixed ? 1 : this.scale));
  }

  /** How many keys are remembered. */
  get size(): number {
    let size = 0;
    for (const buckets of this.#buckets.values()) size += buckets.size;
    return size;
  }
}

/** @returns null where nothing is limited */
function paceOf(kind: RateKind, scale: number): Pace | null {
  if (scale === 0) return null;
  const { count, perMs, burst } = RATES[kind];
  const tokenMs = perMs / (count * scale);
  return {
    tokenMs,
    refillMs: Math.max(1, Math.floor(burst * scale)) * tokenMs,
  };
}
