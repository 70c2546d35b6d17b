// The rotating keys that sign access tokens: rows with the public part in clear and the private part sealed.
import { exportJWK, generateKeyPair, importJWK } from "jose";
import type { CryptoKey, JWK } from "jose";
import type { Clock } from "../clock.ts";
import { randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import type { Row, Store } from "../store.ts";
import { Seal } from "./seal.ts";
import { AGAIN, settle } from "./settle.ts";

interface SigningKeyRow {
  readonly v: 1;
  readonly kid: string;
  readonly publicJwk: JWK;
  /** The private JWK, readable with this installation's SECRET only. */
  readonly sealedPrivateJwk: string;
  readonly createdAt: number;
}

/** A public key while tokens signed by it may still be valid. */
interface Verifier {
  readonly key: CryptoKey;
  readonly publicJwk: JWK;
  readonly expiresAt: number;
}

export interface Signer {
  readonly kid: string;
  readonly key: CryptoKey;
  readonly createdAt: number;
}

export interface SigningKeySettings {
  readonly secret: Uint8Array;
  /** A key signs for so long, then a new one is made; 30 days. */
  readonly rotationMs?: number;
  /** The longest a token signed by a key may live. */
  readonly tokenMs: number;
}

const ROTATION_MS = 30 * 24 * 3600 * 1000;
/** Kept beyond the last token's life, for clocks that differ. */
const MARGIN_MS = 24 * 3600 * 1000;
/** Unknown key ids cost at most one reading in this time, however many are asked for. */
const READ_EVERY_MS = 1000;

export class SigningKeys {
  readonly #rotationMs: number;
  readonly #keptMs: number;
  readonly #seal: Seal;
  #verifiers: ReadonlyMap<string, Verifier> = new Map();
  #signer: Signer | null = null;
  #renewing: Promise<Signer> | null = null;
  #reading: Promise<void> | null = null;
  #readAt = -Infinity;

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    settings: SigningKeySettings,
  ) {
    this.#rotationMs = settings.rotationMs ?? ROTATION_MS;
    this.#keptMs = this.#rotationMs + settings.tokenMs + MARGIN_MS;
    this.#seal = new Seal(settings.secret, "signing keys");
  }

  /** The newest key this installation can sign with; made where there is none or it is too old. */
  async signer(): Promise<Signer> {
    if (this.#maySign(this.#signer)) return this.#signer;
    this.#renewing ??= this.#renew().finally(() => this.#renewing = null);
    return await this.#renewing;
  }

  /** Whether there are keys, none of which the secret opens: then it is not the one they were made with. */
  async areLocked(): Promise<boolean> {
    // Nothing is remembered of this: the first token to verify must find the rows as they are then.
    const rows = await this.store.list<SigningKeyRow>(keys.signingKeys());
    const opened = await this.#newestOpened(rows.map((row) => row.value));
    return rows.length > 0 && opened === null;
  }

  /** The public key of `kid`, or null. A `kid` never seen may be another isolate's new key, so the rows are read. */
  async getVerifier(kid: string): Promise<CryptoKey | null> {
    if (!this.#verifiers.has(kid)) await this.#readNowAndThen();
    const verifier = this.#verifiers.get(kid);
    return verifier && verifier.expiresAt > this.clock.now()
      ? verifier.key
      : null;
  }

  /** The JSON Web Key Set to publish: every key whose tokens may still be valid. */
  async publicSet(): Promise<{ keys: JWK[] }> {
    await this.signer();
    await this.#readNowAndThen();
    const now = this.clock.now();
    const valid = [...this.#verifiers.values()].filter((verifier) =>
      verifier.expiresAt > now
    );
    return { keys: valid.map((verifier) => verifier.publicJwk) };
  }

  #maySign(signer: Signer | null): signer is Signer {
    return signer !== null &&
      this.clock.now() < signer.createdAt + this.#rotationMs;
  }

  #renew(): Promise<Signer> {
    return settle(this.clock, async () => {
      const newest = await this.store.get<string>(keys.signingKeys());
      await this.#readRows();
      if (this.#maySign(this.#signer)) return this.#signer;
      await this.#make(newest);
      await this.#readRows();
      return this.#maySign(this.#signer) ? this.#signer : AGAIN;
    });
  }

  /** Isolates that find no key at the same time end up with one: the row of the newest `kid` is checked. */
  async #make(newest: Row<string>): Promise<void> {
    const kid = randomId(12);
    const pair = await generateKeyPair("Ed25519", { extractable: true });
    const row: SigningKeyRow = {
      v: 1,
      kid,
      publicJwk: {
        ...await exportJWK(pair.publicKey),
        kid,
        alg: "EdDSA",
        use: "sig",
      },
      sealedPrivateJwk: await this.#seal.close(
        JSON.stringify(await exportJWK(pair.privateKey)),
        kid,
      ),
      createdAt: this.clock.now(),
    };
    // Stored, lost or unknown: the rows are read next and tell.
    await this.store.commit({
      checks: [{ key: newest.key, version: newest.version }],
      mutations: [
        { key: keys.signingKeys(), value: kid },
        { key: keys.signingKey(kid), value: row, expireInMs: this.#keptMs },
      ],
    });
  }

  async #readNowAndThen(): Promise<void> {
    if (this.clock.elapsed() - this.#readAt >= READ_EVERY_MS) {
      this.#reading ??= this.#readRows().finally(() => this.#reading = null);
    }
    await this.#reading;
  }

  async #readRows(): Promise<void> {
    this.#readAt = this.clock.elapsed();
    const rows = await this.store.list<SigningKeyRow>(keys.signingKeys());
    const newestFirst = rows.map((row) => row.value)
      .sort((a, b) => b.createdAt - a.createdAt);
    const verifiers = new Map<string, Verifier>();
    for (const row of newestFirst) {
      verifiers.set(row.kid, {
        key: await importKey(row.publicJwk),
        publicJwk: row.publicJwk,
        expiresAt: row.createdAt + this.#keptMs,
      });
    }
    this.#signer = await this.#newestOpened(newestFirst);
    this.#verifiers = verifiers;
  }

  /** A key sealed with another SECRET stays good for verifying, but cannot sign. */
  async #newestOpened(newestFirst: SigningKeyRow[]): Promise<Signer | null> {
    for (const { kid, sealedPrivateJwk, createdAt } of newestFirst) {
      const opened = await this.#seal.open(sealedPrivateJwk, kid);
      if (opened !== null) {
        return { kid, key: await importKey(JSON.parse(opened)), createdAt };
      }
    }
    return null;
  }
}

async function importKey(jwk: JWK): Promise<CryptoKey> {
  const key = await importJWK(jwk, "EdDSA");
  if (key instanceof Uint8Array) throw new TypeError("not an Ed25519 key");
  return key;
}
