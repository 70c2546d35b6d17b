// The one verifier: who a request comes from. Nothing else makes a `Principal`.
import type { Core } from "../core.ts";
import type { Caller, Principal } from "../principal.ts";
import type { Identity } from "./access_tokens.ts";
import { requireProviderSession } from "./provider_sessions.ts";
import type { ProviderTokens } from "./provider_tokens.ts";
import { requireProviderUser } from "./provider_users.ts";

/**
 * Whose request this is, by an access token of ours or of the owner's identity provider. Throws `token_expired`;
 * `unauthenticated` for every other token and for a session that has ended; `unavailable` while it cannot be told.
 */
export async function authenticate(
  core: Core,
  token: string,
  caller: Caller,
): Promise<Principal> {
  const { accessTokens, providerTokens } = core.accounts;
  const verified = providerTokens?.isTheirs(token)
    ? await verifyTheirs(core, providerTokens, token, caller)
    : await accessTokens.verify(token);
  return await admit(core, verified, verified.expiresAt, caller);
}

/** User and session of a provider's token; made at its first sight. */
async function verifyTheirs(
  core: Core,
  tokens: ProviderTokens,
  token: string,
  caller: Caller,
) {
  const known = tokens.recall(token);
  if (known) return known;
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
