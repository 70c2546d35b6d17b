// An identity provider for tests: keys, tokens, and an answer to whoever fetches its keys.
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { CryptoKey, JWK } from "jose";
import type { AccountsSettings } from "../../kv/accounts/accounts.ts";
import { authenticate } from "../../kv/accounts/verify.ts";
import type { Core } from "../../kv/core.ts";
import type { Caller } from "../../kv/principal.ts";
import type { FakeClock } from "../fake_clock.ts";
import { CALLER, inWorld, type World } from "./world.ts";

export const ISSUER = "https://id.example.com/";
export const AUDIENCE = "chat";

interface ProviderKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

export class FakeProvider {
  /** Published; the last signs. */
  keys: ProviderKey[] = [];
  /** How often the keys were asked for. */
  fetches = 0;
  readonly faults: string[] = [];
  /** Why tokens were refused, and what they said there. */
  readonly refusals: string[] = [];
  /** In place of the answer with the keys. */
  answer: ((signal: AbortSignal) => Promise<Response>) | null = null;

  constructor(private readonly clock: FakeClock) {}

  async addKey(kid: string, alg = "ES256"): Promise<ProviderKey> {
    const pair = await generateKeyPair(alg, { extractable: true });
    const publicJwk = await exportJWK(pair.publicKey);
    const key = {
      kid,
      alg,
      privateKey: pair.privateKey,
      publicJwk: { ...publicJwk, kid, alg, use: "sig" },
    };
    this.keys.push(key);
    return key;
  }

  /** What the accounts are told of it. */
  get settings(): NonNullable<AccountsSettings["provider"]> {
    return {
      issuer: ISSUER,
      audience: AUDIENCE,
      jwksUrl: "https://id.example.com/jwks",
      fetch: (_url, { signal, redirect }) => {
        if (redirect !== "error") throw new Error("redirects are followed");
        this.fetches++;
        return this.answer?.(signal) ?? Promise.resolve(
          Response.json({ keys: this.keys.map((key) => key.publicJwk) }),
        );
      },
      refused: (reason, said = {}) =>
        void this.refusals.push([reason, ...Object.values(said)].join(" ")),
      report: (thrown) => void this.faults.push(String(thrown)),
    };
  }

  /** Fails to answer from now on. */
  goDown(): void {
    this.answer = () => Promise.reject(new TypeError("connection refused"));
  }

  comeBack(): void {
    this.answer = null;
  }

  /** A token of `sub`, good for five minutes from now. `claims` add to it, undefined takes away. */
  token(
    sub: string,
    claims: Readonly<Record<string, unknown>> = {},
    header: Readonly<Record<string, unknown>> = {},
    key: ProviderKey = this.keys.at(-1)!,
  ): Promise<string> {
    const now = Math.floor(this.clock.now() / 1000);
    const payload = {
      iss: ISSUER,
      aud: AUDIENCE,
      sub,
      iat: now,
      exp: now + 300,
      ...claims,
    };
    return new SignJWT(payload)
      .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
      .sign(key.privateKey);
  }
}

export interface ProviderWorld extends World {
  readonly provider: FakeProvider;
}

/** Runs a test on a world whose isolates accept a provider's tokens. The provider has one key. */
export function withProvider(
  test: (world: ProviderWorld) => Promise<void>,
): Promise<void> {
  return inWorld(async (world) => {
    const provider = new FakeProvider(world.clock);
    await provider.addKey("first");
    const isolate: World["isolate"] = (settings) =>
      world.isolate({ provider: provider.settings, ...settings });
    await test({ ...world, isolate, core: isolate(), provider });
  });
}

/** Whose token it is. */
export function show(core: Core, token: string, caller: Caller = CALLER) {
  return authenticate(core, token, caller);
}
