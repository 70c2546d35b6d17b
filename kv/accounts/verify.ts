// The one verifier: who a request comes from. Nothing else makes a `Principal`.
import type { Core } from "../core.ts";
import type { Caller, Principal } from "../principal.ts";
import type { Identity } from "./access_tokens.ts";

/**
 * Whose request this is, by its access token. Throws `token_expired`, or `unauthenticated`
 * for every other token and for a session that has ended.
 */
export async function authenticate(
  core: Core,
  token: string,
  caller: Caller,
): Promise<Principal> {
  const verified = await core.accounts.accessTokens.verify(token);
  return await admit(core, verified, verified.expiresAt, caller);
}

/** Makes a principal of an identity that was just proven. Throws `unauthenticated` if its session has ended. */
export async function admit(
  core: Core,
  { user, session }: Identity,
  expiresAt: number,
  caller: Caller,
): Promise<Principal> {
  await core.accounts.sessions.requireLive({ user, session });
  return { ...caller, user, session, expiresAt };
}
