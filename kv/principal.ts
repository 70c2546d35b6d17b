// Who asks: a caller is known by address only, a principal also by user and session, or by service key.
import type { Scope } from "./scopes.ts";

/** Whoever sent a request, signed in or not. */
export interface Caller {
  readonly address: string;
  /** What the client calls itself, shown in the list of sessions. */
  readonly agent?: string;
  /** A REST client's promise that a repeat with this key is the same request. */
  readonly idempotencyKey?: string;
}

/** A caller whose token was verified and whose session is not ended. Made only by accounts/verify.ts. */
export interface Principal extends Caller {
  /** As whom it is done. */
  readonly user: string;
  /** What has to live on: the session's id, or the service key's. */
  readonly session: string;
  /** When the proof runs out, in milliseconds since 1970: a socket must renew it by then. */
  readonly expiresAt: number;
  /** The service key that asks, where it is one. */
  readonly key?: PrincipalKey;
}

/** What of a service key its requests are judged by. */
export interface PrincipalKey {
  /** The service's own account. Where `user` is another, the key acts for that user. */
  readonly account: string;
  readonly scopes: readonly Scope[];
}

/** Whether a service asks in its own name, and not for one of its users. */
export function isService({ user, key }: Principal): boolean {
  return key?.account === user;
}
