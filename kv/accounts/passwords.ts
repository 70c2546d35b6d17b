// Passwords: Argon2id off the main thread, a few at a time, its parameters kept with each hash.
import { Refused } from "../errors.ts";
import { equalInConstantTime } from "./secrets.ts";
import { Turnstile } from "./turnstile.ts";

/** What a hash costs: `memory` in KiB. */
export interface PasswordCost {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** A password as stored; `salt` and `hash` in base64. */
export interface PasswordRecord extends PasswordCost {
  readonly v: 1;
  readonly algorithm: "argon2id";
  readonly salt: string;
  readonly hash: string;
}

/** Hashes `password` off the main thread. A parameter of `Passwords`, so that a test can count and hold it. */
export type Derive = (
  password: string,
  salt: Uint8Array<ArrayBuffer>,
  cost: PasswordCost,
) => Promise<Uint8Array>;

export interface PasswordSettings {
  /** Cores of this machine; one is left to the rest of the server. */
  readonly cores: number;
  readonly cost?: PasswordCost;
  /** How many may wait for their turn. */
  readonly queue?: number;
  readonly derive?: Derive;
}

/** OWASP's first choice for Argon2id: 19 MiB twice, some 40 ms of one core. */
const COST: PasswordCost = { memory: 19_456, passes: 2, parallelism: 1 };
const QUEUE = 32;
const SALT_BYTES = 16;
const HASH_BITS = 256;

export class Passwords {
  readonly #cost: PasswordCost;
  readonly #derive: Derive;
  readonly #turnstile: Turnstile;
  /** Compared with where there is no user: no password has this hash. */
  readonly #nobody: PasswordRecord;

  constructor(settings: PasswordSettings) {
    this.#cost = settings.cost ?? COST;
    this.#derive = settings.derive ?? argon2id;
    this.#turnstile = new Turnstile(
      Math.max(1, settings.cores - 1),
      settings.queue ?? QUEUE,
    );
    this.#nobody = this.#record(randomBytes(SALT_BYTES), randomBytes(32));
  }

  /** Throws `unavailable` when too many wait already. */
  async hash(password: string): Promise<PasswordRecord> {
    const salt = randomBytes(SALT_BYTES);
    return this.#record(salt, await this.#run(password, salt, this.#cost));
  }

  /**
   * Whether `password` is the stored one. `null`, for a user that does not exist, costs the same time
   * and is never true. Throws `unavailable` when too many wait already.
   */
  async matches(
    password: string,
    stored: PasswordRecord | null,
  ): Promise<boolean> {
    const record = stored ?? this.#nobody;
    const hash = await this.#run(
      password,
      Uint8Array.fromBase64(record.salt),
      record,
    );
    const equal = equalInConstantTime(hash, Uint8Array.fromBase64(record.hash));
    return equal && stored !== null;
  }

  /** Whether the hash was made at another cost than today's and should be made anew. */
  isOutdated(record: PasswordRecord): boolean {
    return record.memory !== this.#cost.memory ||
      record.passes !== this.#cost.passes ||
      record.parallelism !== this.#cost.parallelism;
  }

  #record(salt: Uint8Array, hash: Uint8Array): PasswordRecord {
    return {
      v: 1,
      algorithm: "argon2id",
      ...this.#cost,
      salt: salt.toBase64(),
      hash: hash.toBase64(),
    };
  }

  async #run(
    password: string,
    salt: Uint8Array<ArrayBuffer>,
    cost: PasswordCost,
  ): Promise<Uint8Array> {
    const turn = this.#turnstile.enter(() =>
      // The same characters typed on another keyboard may come composed differently.
      this.#derive(password.normalize("NFC"), salt, cost)
    );
    if (turn === null) {
      throw new Refused("unavailable", "Too many are signing in just now.", {
        retryAfterMs: 1000,
      });
    }
    return await turn;
  }
}

async function argon2id(
  password: string,
  salt: Uint8Array<ArrayBuffer>,
  { memory, passes, parallelism }: PasswordCost,
): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey(
    "raw-secret",
    new TextEncoder().encode(password),
    "Argon2id",
    false,
    ["deriveBits"],
  );
  // A variable, because the runtime's types do not know these parameters yet.
  const algorithm = {
    name: "Argon2id",
    nonce: salt,
    memory,
    passes,
    parallelism,
  };
  return new Uint8Array(
    await crypto.subtle.deriveBits(algorithm, key, HASH_BITS),
  );
}

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}
