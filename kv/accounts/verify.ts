// The one verifier: who a request comes from, and whether that still holds. Nothing else makes a `Principal`.
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import type { Caller, Principal } from "../principal.ts";
import { requireScopes } from "../scopes.ts";
import type { Identity } from "./access_tokens.ts";
import { isDeleted, readProfile, requireUnsuspended } from "./profiles.ts";
import { requireProviderSession } from "./provider_sessions.ts";
import type { ProviderTokens } from "./provider_tokens.ts";
import { requireProviderUser } from "./provider_users.ts";
import { isServiceKey } from "./service_keys.ts";

/**
 * Whose request this is, by an access token of ours or of the owner's identity provider, or by a service key, which
 * alone may name a user to act for. Throws `token_expired`; `unauthenticated` for every other token and for a session
 * that has ended; `unavailable` while it cannot be told; `forbidden` and `not_found` where nobody may be acted for so;
 * `forbidden` for a suspended user whom the provider vouches for.
 */
export async function authenticate(
  core: Core,
  token: string,
  caller: Caller,
  actedFor: string | null = null,
): Promise<Principal> {
  if (isServiceKey(token)) {
    return await admitKey(core, token, caller, actedFor);
  }
  const { accessTokens, providerTokens } = core.accounts;
  const verified = providerTokens?.isTheirs(token)
    ? await verifyTheirs(core, providerTokens, token, caller)
    : await accessTokens.verify(token);
  const principal = await admit(core, verified, verified.expiresAt, caller);
  if (actedFor !== null) throw keyless();
  return principal;
}

/** Why somebody who shows no service key may not name a user to act for. */
export function keyless(): Refused {
  return new Refused(
    "forbidden",
    "Only a service key may act for a user: leave Kvorum-User out.",
  );
}

async function admitKey(
  { accounts: { serviceKeys } }: Core,
  token: string,
  { address, agent }: Caller,
  actedFor: string | null,
): Promise<Principal> {
  const proven = await serviceKeys.prove(token);
  const { id, account, scopes, expiresAt = Infinity } = proven;
  const user = actedFor ?? account;
  const principal: Principal = {
    address,
    ...(agent === undefined ? {} : { agent }),
    user,
    session: id,
    expiresAt,
    key: { account, scopes },
  };
  if (user !== account) {
    requireScopes(principal, "act");
    await serviceKeys.requireActedFor(user);
  }
  return principal;
}

/** User and session of a provider's token; made at its first sight. */
async function verifyTheirs(
  core: Core,
  tokens: ProviderTokens,
  token: string,
  caller: Caller,
) {
  const known = tokens.recall(token);
  if (known) {
    // With the session, so that who is suspended hears of that and not of the session's end.
    if (!core.accounts.sessions.isFresh(known.session)) {
      const { value } = await readProfile(core.store, known.user);
      if (value && !isDeleted(value)) requireUnsuspended(value);
    }
    return known;
  }
  const claims = await tokens.verify(token);
  const user = await requireProviderUser(core, claims);
  const session = await requireProviderSession(core, user, claims, caller);
  const { expiresAt } = claims;
  tokens.remember(token, { user, session, expiresAt });
  return { user, session, expiresAt };
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

/** Throws `unauthenticated` once the session has ended, or the key was revoked. */
export async function requireLive(
  { accounts }: Core,
  principal: Principal,
): Promise<void> {
  await (principal.key ? accounts.serviceKeys : accounts.sessions)
    .requireLive(principal);
}

/** Whether `requireLive` would answer without reading: then a hot path need not wait at all. */
export function isFresh({ accounts }: Core, principal: Principal): boolean {
  return principal.key
    ? accounts.serviceKeys.isFresh(principal)
    : accounts.sessions.isFresh(principal.session);
}

/** So that `requireLive` reads anew. */
export function forget({ accounts }: Core, principal: Principal): void {
  accounts.sessions.forget(principal.session);
  accounts.serviceKeys.forget(principal.session);
  accounts.serviceKeys.forgetUser(principal.user);
}
