// The public keys of the owner's identity provider: fetched when needed, kept over an outage, seldom asked for.
import { createLocalJWKSet, errors } from "jose";
import type { CryptoKey, FlattenedJWSInput, JWSHeaderParameters } from "jose";
import type { Clock } from "../clock.ts";
import { Refused } from "../errors.ts";

/** The part of the global `fetch` that is used. */
export type Fetch = (
  url: string,
  init: {
    readonly redirect: "error";
    readonly headers: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
) => Promise<Response>;

export interface ProviderKeysSettings {
  readonly jwksUrl: string;
  readonly fetch: Fetch;
  /** Told when the keys could not be fetched, at most every few seconds. */
  readonly report: (thrown: unknown) => void;
}

/** So old, keys are asked for again: a key that was taken back is not trusted for long. */
const STALE_MS = 10 * 60 * 1000;
/** So long keys are good while the provider does not answer. */
const KEPT_MS = 24 * 3600 * 1000;
/** Asked at most so often, however many tokens name a key nobody knows. */
const EVERY_MS = 3_000;
const ANSWER_WITHIN_MS = 5_000;
const ANSWER_BYTES = 128 * 1024;

type FindKey = ReturnType<typeof createLocalJWKSet>;

/**
 * Not jose's `createRemoteJWKSet`: that gives up its keys when they are stale and cannot be fetched, asks again for
 * every unknown key during an outage, and reads an answer of any size.
 */
export class ProviderKeys {
  #find: FindKey | null = null;
  /** When the fetch of these keys began; like the other times on the monotonic clock. */
  #fetchedAt = -Infinity;
  #triedAt = -Infinity;
  #trying: Promise<void> | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly settings: ProviderKeysSettings,
  ) {}

  /**
   * The key that a token's header names. Throws `unavailable` where that cannot be told just now,
   * and jose's errors where there is no such key.
   */
  async requireKey(
    header: JWSHeaderParameters,
    token: FlattenedJWSInput,
  ): Promise<CryptoKey> {
    const askedAt = this.clock.elapsed();
    if (this.#age() >= STALE_MS && this.#mayTry()) await this.#try();
    if (this.#find === null || this.#age() >= KEPT_MS) throw unavailable();
    try {
      return await this.#find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    // Perhaps a key made since. A fetch that began before the token came does not tell.
    while (this.#triedAt < askedAt) await this.#try();
    if (this.#fetchedAt < askedAt) throw unavailable();
    return await this.#find(header, token);
  }

  #age(): number {
    return this.clock.elapsed() - this.#fetchedAt;
  }

  #mayTry(): boolean {
    return this.#trying !== null ||
      this.clock.elapsed() - this.#triedAt >= EVERY_MS;
  }

  /** Fetches when it is time to; whoever comes meanwhile waits for the same. Never rejects. */
  #try(): Promise<void> {
    return this.#trying ??= this.#tryInTurn().finally(() =>
      this.#trying = null
    );
  }

  async #tryInTurn(): Promise<void> {
    const waitMs = this.#triedAt + EVERY_MS - this.clock.elapsed();
    if (waitMs > 0) await this.clock.sleep(waitMs);
    const triedAt = this.#triedAt = this.clock.elapsed();
    try {
      this.#find = createLocalJWKSet(await this.#fetch());
      this.#fetchedAt = triedAt;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.settings.report(
        new Error(`The identity provider's keys could not be fetched: ${why}`),
      );
    }
  }

  async #fetch(): Promise<{ keys: [] }> {
    const over = new AbortController();
    const late = new AbortController();
    this.clock.sleep(ANSWER_WITHIN_MS, over.signal)
      .then(() => late.abort(new Error("no answer in time")), () => {});
    try {
      const response = await this.settings.fetch(this.settings.jwksUrl, {
        redirect: "error",
        headers: { accept: "application/json" },
        signal: late.signal,
      });
      if (response.status !== 200) {
        await response.body?.cancel();
        throw new Error(`status ${response.status}`);
      }
      const set = JSON.parse(await readText(response));
      // An empty set is a mistake of the provider's, not a reason to refuse everybody.
      if (!Array.isArray(set?.keys) || set.keys.length === 0) {
        throw new Error("no keys in the answer");
      }
      return set;
    } finally {
      over.abort();
    }
  }
}

async function readText({ body }: Response): Promise<string> {
  let text = "";
  let bytes = 0;
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES) throw new Error("the answer is too large");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function unavailable(): Refused {
  return new Refused(
    "unavailable",
    "The identity provider's keys cannot be had just now; try again.",
    { retryAfterMs: EVERY_MS },
  );
}
