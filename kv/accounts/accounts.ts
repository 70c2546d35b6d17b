// What the accounts context keeps in memory, built once from the settings.
import { createHmac } from "node:crypto";
import type { Clock } from "../clock.ts";
import type { Signup } from "../settings.ts";
import type { Store } from "../store.ts";
import { AccessTokens } from "./access_tokens.ts";
import { Passwords, type PasswordSettings } from "./passwords.ts";
import { type ProviderSettings, ProviderTokens } from "./provider_tokens.ts";
import { RefreshTokens } from "./refresh_tokens.ts";
import { deriveKey } from "./secrets.ts";
import { ServiceKeys } from "./service_keys.ts";
import { SessionCache } from "./session_cache.ts";
import { SigningKeys } from "./signing_keys.ts";

export interface AccountsSettings {
  readonly store: Store;
  readonly clock: Clock;
  /** At least 32 random bytes; every other key is derived from them. */
  readonly secret: Uint8Array;
  readonly issuer: string;
  readonly audience: string;
  readonly accessTokenSeconds: number;
  readonly refreshTokenSeconds: number;
  readonly passwords: PasswordSettings;
  /** Who may register; absent is everybody. */
  readonly signup?: Signup;
  /** Whose tokens are accepted besides our own; absent or null is nobody's. */
  readonly provider?: ProviderSettings | null;
  /** How long a signing key signs; 30 days. */
  readonly signingKeyMs?: number;
}

export class Accounts {
  readonly passwords: Passwords;
  readonly signingKeys: SigningKeys;
  readonly accessTokens: AccessTokens;
  /** Null where the owner has no identity provider. */
  readonly providerTokens: ProviderTokens | null;
  readonly refreshTokens: RefreshTokens;
  /** Sessions that are believed for a moment. */
  readonly sessions: SessionCache;
  readonly serviceKeys: ServiceKeys;
  /** How long a session lasts without being refreshed. */
  readonly sessionMs: number;
  readonly signup: Signup;
  readonly #fingerprintKey: Uint8Array;

  constructor(settings: AccountsSettings) {
    const { store, clock, secret } = settings;
    this.passwords = new Passwords(settings.passwords);
    this.signingKeys = new SigningKeys(store, clock, {
      secret,
      tokenMs: settings.accessTokenSeconds * 1000,
      ...(settings.signingKeyMs === undefined
        ? {}
        : { rotationMs: settings.signingKeyMs }),
    });
    this.accessTokens = new AccessTokens(clock, this.signingKeys, {
      issuer: settings.issuer,
      audience: settings.audience,
      seconds: settings.accessTokenSeconds,
    });
    this.providerTokens = settings.provider
      ? new ProviderTokens(clock, settings.provider, settings.issuer)
      : null;
    this.refreshTokens = new RefreshTokens(secret);
    this.sessions = new SessionCache(store, clock);
    this.serviceKeys = new ServiceKeys(store, clock);
    this.signup = settings.signup ?? "open";
    this.#fingerprintKey = deriveKey(secret, "fingerprints");
    this.sessionMs = settings.refreshTokenSeconds * 1000;
  }

  /** Tells equal texts by, where who reads the database could guess them: only this installation can make it. */
  fingerprint(text: string): string {
    return createHmac("sha256", this.#fingerprintKey).update(text)
      .digest("base64url");
  }
}
