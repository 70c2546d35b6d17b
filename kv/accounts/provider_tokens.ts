// Tokens of the owner's identity provider: whether one is genuine and meant for this server, and what it claims.
import { createHash } from "node:crypto";
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from "jose";
import type { JWTPayload } from "jose";
import type { Clock } from "../clock.ts";
import { Refused } from "../errors.ts";
import type { Identity } from "./access_tokens.ts";
import { ProviderKeys, type ProviderKeysSettings } from "./provider_keys.ts";

export interface ProviderSettings extends ProviderKeysSettings {
  readonly issuer: string;
  readonly audience: string;
  /** Told why a token was refused, and what it said there; the bearer is told nothing of it. */
  readonly refused?: (reason: string, said?: Said) => void;
}

/** Parts of a token as a stranger wrote them, by their names. */
type Said = Readonly<Record<string, string>>;

/** What a genuine token says; times in milliseconds since 1970. */
export interface ProviderClaims {
  readonly issuer: string;
  readonly subject: string;
  /** The provider's session, where the token names it. */
  readonly sid: string | null;
  readonly issuedAt: number;
  /** Until when it proves anything here. */
  readonly expiresAt: number;
  /** All it says: of what is not named above nothing is checked. */
  readonly all: JWTPayload;
}

/** A token whose user and session are known already. */
export interface KnownToken extends Identity {
  readonly expiresAt: number;
}

interface Remembered extends KnownToken {
  /** On the monotonic clock. */
  readonly until: number;
}

/** Signatures by a public key only: whoever can verify must not be able to sign. */
const ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];
/** Access tokens and ID tokens; not the provider's logout or event tokens, which look much the same. */
const TYPES = new Set([undefined, "jwt", "at+jwt", "application/at+jwt"]);
/** No longer than what a socket's `hello` takes. */
const LONGEST = 4096;
const CLAIM_LENGTH = 255;
const TOLERANCE_SECONDS = 30;
/** A token that lives longer is shown again: nothing is proven for ever. */
const LONGEST_MS = 24 * 3600 * 1000;
/** Then its signature is checked again: its key may have been taken back. */
const REMEMBERED_MS = 10 * 60 * 1000;
const REMEMBERED = 10_000;

export class ProviderTokens {
  readonly #keys: ProviderKeys;
  /** By hash: tokens are long, and not to be kept. */
  readonly #known = new Map<string, Remembered>();

  constructor(
    private readonly clock: Clock,
    private readonly settings: ProviderSettings,
    private readonly ownIssuer: string,
  ) {
    this.#keys = new ProviderKeys(clock, settings);
  }

  /** Whether a token says that the provider issued it; nothing is proven by that. */
  isTheirs(token: string): boolean {
    if (token.length > LONGEST) {
      this.#tell(`A token has more than ${LONGEST} characters.`);
      return false;
    }
    try {
      const { iss } = decodeJwt(token);
      if (iss !== this.settings.issuer && iss !== this.ownIssuer) {
        this.#tell("A token's iss is not ISSUER.", { iss: toText(iss) });
      }
      return iss === this.settings.issuer;
    } catch {
      return false;
    }
  }

  #tell(reason: string, said?: Said): void {
    this.settings.refused?.(reason, said);
  }

  /**
   * Throws `token_expired` for a genuine token after its time, `unavailable` while the keys cannot be had, and
   * `unauthenticated` for anything else.
   */
  async verify(token: string): Promise<ProviderClaims> {
    if (token.length > LONGEST) throw notAToken();
    try {
      const { payload, protectedHeader } = await jwtVerify(
        token,
        (header, parts) => this.#keys.requireKey(header, parts),
        {
          algorithms: ALGORITHMS,
          issuer: this.settings.issuer,
          audience: this.settings.audience,
          requiredClaims: ["sub", "iat", "exp"],
          clockTolerance: TOLERANCE_SECONDS,
          currentDate: new Date(this.clock.now()),
        },
      );
      const claims = TYPES.has(protectedHeader.typ?.toLowerCase())
        ? this.#toClaims(payload)
        : null;
      if (claims === null) {
        this.#tell("A token's typ or claims are not those of an access token.");
        throw notAToken();
      }
      return claims;
    } catch (error) {
      if (error instanceof Refused) throw error;
      this.#tell(...reasonOf(error, token));
      if (error instanceof errors.JWTExpired) {
        throw new Refused("token_expired", "The access token has expired.");
      }
      // Whatever else goes wrong, with the token or with its key, came from outside.
      throw notAToken();
    }
  }

  /** Who has shown this token a short while ago, or null. */
  recall(token: string): KnownToken | null {
    const hash = digest(token);
    const known = this.#known.get(hash);
    if (!known) return null;
    if (
      known.until > this.clock.elapsed() && known.expiresAt > this.clock.now()
    ) return known;
    this.#known.delete(hash);
    return null;
  }

  remember(token: string, { user, session, expiresAt }: KnownToken): void {
    const hash = digest(token);
    // Taken out first, so that the order of the map is the order of remembering.
    this.#known.delete(hash);
    if (this.#known.size >= REMEMBERED) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    const until = this.clock.elapsed() + REMEMBERED_MS;
    this.#known.set(hash, { user, session, expiresAt, until });
  }

  /** Null where a claim has no form that could be relied on. */
  #toClaims(payload: JWTPayload): ProviderClaims | null {
    const { sub, sid = null, iat, exp, cnf, events } = payload;
    // Bound to a key that its bearer would have to prove, or the news of an event.
    if (cnf !== undefined || events !== undefined) return null;
    if (!isName(sub) || sid !== null && !isName(sid)) return null;
    if (typeof iat !== "number" || typeof exp !== "number") return null;
    const now = this.clock.now();
    // From the future it would survive the end of its session.
    if (iat * 1000 > now + TOLERANCE_SECONDS * 1000) return null;
    return {
      issuer: this.settings.issuer,
      subject: sub,
      sid,
      issuedAt: iat * 1000,
      expiresAt: Math.min(
        (exp + TOLERANCE_SECONDS) * 1000,
        now + LONGEST_MS,
      ),
      all: payload,
    };
  }
}

/** What may be part of a key in the database: a text that is stored as it is. */
function isName(claim: unknown): claim is string {
  return typeof claim === "string" && claim !== "" &&
    claim.length <= CLAIM_LENGTH && claim.isWellFormed();
}

/** Of a token that says it is the provider's. */
function reasonOf(error: unknown, token: string): [string, Said?] {
  if (error instanceof errors.JWTExpired) return ["A token has expired."];
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim !== "aud") {
      return [`A token's ${error.claim} is missing or not valid.`];
    }
    return ["A token's aud is not AUDIENCE.", {
      aud: toText(error.payload.aud),
    }];
  }
  if (error instanceof errors.JWKSNoMatchingKey) {
    const { kid, alg } = decodeProtectedHeader(token);
    const said = { kid: toText(kid), alg: toText(alg) };
    return ["At JWKS_URL is no key for a token's kid and alg.", said];
  }
  if (error instanceof errors.JWKSMultipleMatchingKeys) {
    return ["At JWKS_URL are several keys for a token: it names none by kid."];
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return ["A token's alg is none by a public key."];
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return ["A token's signature is not by the key that it names."];
  }
  return ["A token is malformed."];
}

/** Not by `String`, which throws for an object that says so. */
function toText(said: unknown): string {
  return typeof said === "string" ? said : `${JSON.stringify(said)}`;
}

function digest(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}

function notAToken(): Refused {
  return new Refused("unauthenticated", "This is not a valid access token.");
}
