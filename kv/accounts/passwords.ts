// Passwords: hashed off the main thread, a few at a time; how is kept with each hash.
import { Refused } from "../errors.ts";
import {
  availableAlgorithms,
  type Derive,
  type PasswordAlgorithm,
  type PasswordAlgorithms,
  type PasswordCost,
} from "./password_algorithms.ts";
import { equalInConstantTime } from "./secrets.ts";
import { Turnstile } from "./turnstile.ts";

/** A password as stored; `salt` and `hash` in base64. */
export interface PasswordRecord extends PasswordCost {
  readonly v: 1;
  readonly algorithm: PasswordAlgorithm["name"];
  readonly salt: string;
  readonly hash: string;
}

export interface PasswordSettings {
  /** Cores of this machine; one is left to the rest of the server. */
  readonly cores: number;
  /** Those that this Deno has, unless a test says otherwise. */
  readonly algorithms?: PasswordAlgorithms;
  /** In place of the best algorithm's own, so that a test can count and hold it. */
  readonly derive?: Derive;
  readonly cost?: PasswordCost;
  /** How many may wait for their turn. */
  readonly queue?: number;
}

const QUEUE = 32;
const SALT_BYTES = 16;

export class Passwords {
  /** What is hashed with from now on. */
  readonly #best: PasswordAlgorithm;
  readonly #known: readonly PasswordAlgorithm[];
  readonly #turnstile: Turnstile;
  /** Compared with where there is no user: no password has this hash. */
  readonly #nobody: PasswordRecord;

  constructor(settings: PasswordSettings) {
    const [best, ...others] = settings.algorithms ?? availableAlgorithms();
    this.#best = {
      name: best.name,
      cost: settings.cost ?? best.cost,
      derive: settings.derive ?? best.derive,
    };
    this.#known = [this.#best, ...others];
    this.#turnstile = new Turnstile(
      Math.max(1, settings.cores - 1),
      settings.queue ?? QUEUE,
    );
    this.#nobody = this.#record(randomBytes(SALT_BYTES), randomBytes(32));
  }

  /** Throws `unavailable` when too many wait already. */
  async hash(password: string): Promise<PasswordRecord> {
    const salt = randomBytes(SALT_BYTES);
    const { cost } = this.#best;
    return this.#record(
      salt,
      await this.#run(this.#best, password, salt, cost),
    );
  }

  /**
   * Whether `password` is the stored one. `null`, for a user that does not exist, costs the same time
   * and is never true. Throws `unavailable` when too many wait already, or when this Deno lacks the algorithm.
   */
  async matches(
    password: string,
    stored: PasswordRecord | null,
  ): Promise<boolean> {
    const record = stored ?? this.#nobody;
    const algorithm = this.#known.find(({ name }) => name === record.algorithm);
    if (!algorithm) {
      // Perhaps by another instance, which runs on a newer one.
      throw new Refused(
        "unavailable",
        "This server's Deno is too old to check this password; it takes 2.9 or later.",
      );
    }
    const hash = await this.#run(
      algorithm,
      password,
      Uint8Array.fromBase64(record.salt),
      record,
    );
    const equal = equalInConstantTime(hash, Uint8Array.fromBase64(record.hash));
    return equal && stored !== null;
  }

  /** Whether the hash was made by another algorithm or at another cost than today's and should be made anew. */
  isOutdated(record: PasswordRecord): boolean {
    const { name, cost } = this.#best;
    return record.algorithm !== name ||
      record.memory !== cost.memory ||
      record.passes !== cost.passes ||
      record.parallelism !== cost.parallelism;
  }

  #record(salt: Uint8Array, hash: Uint8Array): PasswordRecord {
    return {
      v: 1,
      algorithm: this.#best.name,
      ...this.#best.cost,
      salt: salt.toBase64(),
      hash: hash.toBase64(),
    };
  }

  async #run(
    { derive }: PasswordAlgorithm,
    password: string,
    salt: Uint8Array<ArrayBuffer>,
    cost: PasswordCost,
  ): Promise<Uint8Array> {
    const turn = this.#turnstile.enter(() =>
      // The same characters typed on another keyboard may come composed differently.
      derive(password.normalize("NFC"), salt, cost)
    );
    if (turn === null) {
      throw new Refused("unavailable", "Too many are signing in just now.", {
        retryAfterMs: 1000,
      });
    }
    return await turn;
  }
}

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}
