// Users who come from the owner's identity provider: an account at first sight, and the same one ever after.
import type { Core } from "../core.ts";
import { randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import { displayName, email, username } from "../shapes.ts";
import { foldAscii } from "./names.ts";
import { type LiveProfile, moveSearchNames, type NameRow } from "./profiles.ts";
import type { ProviderClaims } from "./provider_tokens.ts";
import { AGAIN, settle } from "./settle.ts";

/**
 * Whose account somebody of the provider's is. Never taken away, also not with the user: who was deleted or
 * suspended here does not begin anew.
 */
export interface IdentityRow {
  readonly v: 1;
  readonly user: string;
}

/** As many characters of a name as become a username; some are left for what tells two of a name apart. */
const NAME_LENGTH = 24;

/** The id of the user that `(iss, sub)` is here, made where there is none yet. The user may have been deleted. */
export async function requireProviderUser(
  { store, clock }: Core,
  { issuer, subject, all }: ProviderClaims,
): Promise<string> {
  const identity = keys.identity(issuer, subject);
  const user = randomId();
  const owned: NameRow & IdentityRow = { v: 1, user };
  const createdAt = clock.now();

  return await settle(clock, async () => {
    const { value } = await store.get<IdentityRow>(identity);
    // Also an earlier try that was stored, or another isolate's.
    if (value) return value.user;

    const names = usernamesFor(all);
    const mail = mailOf(all);
    const rows = await store.getMany<NameRow>([
      ...names.map((name) => keys.username(foldAscii(name))),
      ...(mail === null ? [] : [keys.email(mail)]),
    ]);
    const free = names.find((_, i) => rows[i]!.value === null);
    if (free === undefined) return AGAIN;
    // Somebody else's address says nothing about who this is: accounts are not linked by it.
    const ownMail = mail !== null && rows.at(-1)!.value === null ? mail : null;
    const shown = displayName.safeParse(all.name);
    const profile: LiveProfile = {
      v: 1,
      id: user,
      username: free,
      displayName: shown.data ?? free,
      ...(ownMail === null ? {} : { email: ownMail }),
      createdAt,
    };
    const claimed = [
      identity,
      keys.username(foldAscii(free)),
      ...(ownMail === null ? [] : [keys.email(ownMail)]),
    ];
    const outcome = await store.commit({
      checks: claimed.map((key) => ({ key, version: null })),
      mutations: [
        ...claimed.map((key) => ({ key, value: owned })),
        { key: keys.profile(user), value: profile },
        ...moveSearchNames(null, profile),
      ],
    });
    return outcome.kind === "stored" ? user : AGAIN;
  });
}

/** What the user might be called, the best first; the last is as good as free. */
function usernamesFor({ preferred_username, name }: ProviderClaims["all"]) {
  const unlikely = crypto.randomUUID();
  const made = typeof name === "string" ? toUsername(name) : "";
  return [
    preferred_username,
    made,
    `${made || "user"}-${unlikely.slice(0, 4)}`,
    `user-${unlikely.slice(0, 8)}`,
  ].map((text) => username.safeParse(text).data)
    .filter((text) => text !== undefined);
}

/** `Zoë van Dam` becomes `zoe.van.dam`; what has no such form becomes nothing. */
function toUsername(name: string): string {
  return name.slice(0, 100).normalize("NFKD").toLowerCase()
    .replace(/\p{M}+/gu, "")
    .replace(/[^a-z0-9]+/g, ".")
    .slice(0, NAME_LENGTH)
    .replace(/^\.|\.$/g, "");
}

/** The address, folded, if the provider vouches for it. */
function mailOf(claims: ProviderClaims["all"]): string | null {
  const address = email.safeParse(claims.email);
  return address.success && claims.email_verified === true
    ? foldAscii(address.data)
    : null;
}
