// Who asks: a caller is known by address only, a principal also by user and session.

/** Whoever sent a request, signed in or not. */
export interface Caller {
  readonly address: string;
  /** What the client calls itself, shown in the list of sessions. */
  readonly agent?: string;
  /** A REST client's promise that a repeat with this key is the same request. */
  readonly idempotencyKey?: string;
}

/** A caller whose access token was verified and whose session is not ended. Made only by accounts/verify.ts. */
export interface Principal extends Caller {
  readonly user: string;
  readonly session: string;
  /** When the proof runs out, in milliseconds since 1970: a socket must renew it by then. */
  readonly expiresAt: number;
}
