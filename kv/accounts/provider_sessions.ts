// Sessions of users who come from the owner's identity provider: made at first sight, kept by use, ended like any other.
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { derivedId } from "../ids.ts";
import { keys } from "../keys.ts";
import type { Caller } from "../principal.ts";
import type { Check } from "../store.ts";
import { isDeleted, readProfile, requireUnsuspended } from "./profiles.ts";
import type { ProviderClaims } from "./provider_tokens.ts";
import {
  deleteSession,
  isLive,
  lastStarted,
  newSession,
  type Session,
  sessionIdOf,
  sessionIds,
  superfluous,
  writeSession,
} from "./sessions.ts";
import { AGAIN, settle } from "./settle.ts";

/** How often use is written down at most. */
const SEEN_EVERY_MS = 3600 * 1000;

/**
 * The id of the session that a token belongs to: of all tokens with one `sid`, or all of the user's that name none.
 * A `sid` that was ended stays so; without one, tokens issued since begin a new session, with an id of its own.
 * Throws `unauthenticated` for an ended session's token and for a deleted user, `forbidden` for a suspended one.
 */
export async function requireProviderSession(
  core: Core,
  user: string,
  claims: ProviderClaims,
  caller: Caller,
): Promise<string> {
  const { store, clock, accounts } = core;
  const { issuer, subject, sid, issuedAt } = claims;
  const family = derivedId(issuer, subject, ...(sid === null ? [] : [sid]));

  return await settle(clock, async () => {
    const [ended, profile] = await Promise.all([
      store.get<number>(keys.endedFamily(family)),
      readProfile(store, user),
    ]);
    if (!profile.value || isDeleted(profile.value)) throw refused();
    // Before what became of the session: their suspension ended it, and why they are kept out is theirs to know.
    requireUnsuspended(profile.value);
    if (ended.value !== null && (sid !== null || issuedAt <= ended.value)) {
      throw refused();
    }
    const id = sessionIdOf(family, ended.value ?? 0);
    const row = await store.get<Session>(keys.session(id));
    const now = clock.now();
    const expiresAt = Math.max(now + accounts.sessionMs, claims.expiresAt);
    if (row.value && isLive(row.value, now)) {
      const seenMs = now - row.value.seenAt;
      const isKept = row.value.expiresAt >= claims.expiresAt &&
        seenMs < Math.min(SEEN_EVERY_MS, accounts.sessionMs / 2);
      if (isKept) return id;
      const outcome = await store.commit({
        checks: [{ key: row.key, version: row.version }],
        mutations: writeSession(clock, {
          ...row.value,
          seenAt: now,
          expiresAt,
        }),
      });
      return outcome.kind === "stored" ? id : AGAIN;
    }
    const session = { ...newSession(core, user, caller), id, expiresAt };
    return await start(core, session, [ended, row, profile]) ? id : AGAIN;
  });
}

/**
 * Stores the session under these checks, ending the user's oldest ones where there are too many. Answers whether it
 * did.
 */
async function start(
  core: Core,
  session: Session,
  checks: readonly Check[],
): Promise<boolean> {
  const { store, clock, feed } = core;
  const { user, id } = session;
  const last = await store.get<string>(keys.sessionsOf(user));
  // An expired one of the same id may still be listed.
  const others = (await sessionIds(store, user)).filter((one) => one !== id);
  const superseded = superfluous(others);
  const outcome = await feed.commit(
    {
      checks: [...checks, last].map(({ key, version }) => ({
        key,
        version,
      })),
      mutations: [
        ...writeSession(clock, session),
        lastStarted(user, id),
        ...superseded.flatMap((old) => deleteSession(clock, user, old)),
      ],
    },
    superseded.map((old) => ({ user, what: "session" as const, session: old })),
  );
  return outcome.kind === "stored";
}

function refused(): Refused {
  return new Refused("unauthenticated", "The session has ended.");
}
