// Refresh tokens: `kr_‹session›.‹generation›.‹mac›`, derived from what the session's row holds and never stored.
import { createHmac, randomBytes } from "node:crypto";
import { deriveKey, equalInConstantTime } from "./secrets.ts";

/** What a token says about itself, before anything is proven. */
export interface RefreshClaim {
  readonly session: string;
  readonly generation: number;
  readonly mac: string;
}

const FORM =
  /^kr_([A-Za-z0-9_-]{1,64})\.(0|[1-9]\d{0,9})\.([A-Za-z0-9_-]{43})$/;

/**
 * Because a token follows from session, generation and salt, a spent one's successor can be answered again
 * without being stored; and a stolen database alone holds no token.
 */
export class RefreshTokens {
  readonly #key: Uint8Array;

  constructor(secret: Uint8Array) {
    this.#key = deriveKey(secret, "refresh tokens");
  }

  /** A session's own secret, so that an ended session's tokens can never fit another one. */
  newSalt(): string {
    return randomBytes(16).toString("base64url");
  }

  make(session: string, generation: number, salt: string): string {
    const mac = this.#mac(session, generation, salt);
    return `kr_${session}.${generation}.${mac}`;
  }

  /** Null where the text is no refresh token. */
  parse(token: string): RefreshClaim | null {
    const [, session, generation, mac] = FORM.exec(token) ?? [];
    if (!session || !generation || !mac) return null;
    return { session, generation: Number(generation), mac };
  }

  /** Whether this installation made the token for the session that has `salt`. */
  isGenuine(claim: RefreshClaim, salt: string): boolean {
    const mac = this.#mac(claim.session, claim.generation, salt);
    // The texts are compared: base64 has several texts for the same bytes.
    return equalInConstantTime(encode(claim.mac), encode(mac));
  }

  #mac(session: string, generation: number, salt: string): string {
    return createHmac("sha256", this.#key)
      .update(`${session}.${generation}.${salt}`)
      .digest("base64url");
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
