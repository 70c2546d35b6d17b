// Access tokens: short-lived JWTs (RFC 9068's `at+jwt`) that name a user and a session.
import { errors, jwtVerify, SignJWT } from "jose";
import type { JWTHeaderParameters } from "jose";
import type { Clock } from "../clock.ts";
import { Refused } from "../errors.ts";
import type { SigningKeys } from "./signing_keys.ts";

/** Whom a token names; nothing is said about whether the session still lives. */
export interface Identity {
  readonly user: string;
  readonly session: string;
}

export interface AccessTokenSettings {
  readonly issuer: string;
  readonly audience: string;
  /** How long a token is valid. */
  readonly seconds: number;
}

interface Verified extends Identity {
  /** In milliseconds since 1970. */
  readonly expiresAt: number;
}

const TYPE = "at+jwt";
/** Ours have some 400 characters; a longer text is not worth parsing. */
const LONGEST = 2048;
const REMEMBERED = 10_000;

export class AccessTokens {
  /** Tokens whose signature was checked: every request carries one, and it stays the same for minutes. */
  readonly #verified = new Map<string, Verified>();

  constructor(
    private readonly clock: Clock,
    private readonly keys: SigningKeys,
    private readonly settings: AccessTokenSettings,
  ) {}

  /** How long a new token is valid. */
  get seconds(): number {
    return this.settings.seconds;
  }

  async sign({ user, session }: Identity): Promise<string> {
    const { kid, key } = await this.keys.signer();
    const now = Math.floor(this.clock.now() / 1000);
    return await new SignJWT({ sid: session })
      .setProtectedHeader({ alg: "EdDSA", kid, typ: TYPE })
      .setIssuer(this.settings.issuer)
      .setAudience(this.settings.audience)
      .setSubject(user)
      .setIssuedAt(now)
      .setExpirationTime(now + this.settings.seconds)
      .sign(key);
  }

  /** Throws `token_expired` for our own token after its time and `unauthenticated` for anything else. */
  async verify(token: string): Promise<Verified> {
    const known = this.#verified.get(token);
    if (known) {
      if (known.expiresAt > this.clock.now()) return known;
      this.#verified.delete(token);
    }
    const verified = await this.#verify(token);
    this.#remember(token, verified);
    return verified;
  }

  async #verify(token: string): Promise<Verified> {
    if (token.length > LONGEST) throw notAToken();
    try {
      const { payload } = await jwtVerify<{ sid: string }>(
        token,
        (header) => this.#requireKey(header),
        {
          algorithms: ["EdDSA"],
          typ: TYPE,
          issuer: this.settings.issuer,
          audience: this.settings.audience,
          requiredClaims: ["sub", "sid", "iat", "exp"],
          currentDate: new Date(this.clock.now()),
        },
      );
      return {
        user: payload.sub!,
        session: payload.sid,
        expiresAt: payload.exp! * 1000,
      };
    } catch (error) {
      if (error instanceof errors.JWTExpired) {
        throw new Refused("token_expired", "The access token has expired.");
      }
      if (error instanceof errors.JOSEError) throw notAToken();
      throw error;
    }
  }

  async #requireKey({ kid }: JWTHeaderParameters) {
    const key = typeof kid === "string"
      ? await this.keys.getVerifier(kid)
      : null;
    if (key === null) throw notAToken();
    return key;
  }

  #remember(token: string, verified: Verified): void {
    if (this.#verified.size >= REMEMBERED) {
      const [oldest] = this.#verified.keys();
      if (oldest !== undefined) this.#verified.delete(oldest);
    }
    this.#verified.set(token, verified);
  }
}

function notAToken(): Refused {
  return new Refused("unauthenticated", "This is not a valid access token.");
}
