// Starting a session of our own: under a check of the user, and never more than a user may have.
import type { Core } from "../core.ts";
import { keys } from "../keys.ts";
import type { Check, Mutation } from "../store.ts";
import {
  isDeleted,
  type LiveProfile,
  readProfile,
  requireUnsuspended,
} from "./profiles.ts";
import {
  deleteSession,
  lastStarted,
  type Session,
  sessionIds,
  superfluous,
  writeSession,
} from "./sessions.ts";
import { AGAIN } from "./settle.ts";

/** What has to hold besides, and what is written with it. */
interface Along {
  readonly checks?: readonly Check[];
  readonly mutations?: readonly Mutation[];
}

/**
 * One attempt to store the session, ending the user's oldest ones where there are too many. Answers the user's
 * profile, null where the user is none any more, or `AGAIN`. Throws `forbidden` for a suspended user.
 */
export async function startSession(
  core: Core,
  session: Session,
  { checks = [], mutations = [] }: Along = {},
): Promise<LiveProfile | null | typeof AGAIN> {
  const { store, clock } = core;
  const { user, id } = session;
  const [profile, last, started] = await Promise.all([
    readProfile(store, user),
    store.get<string>(keys.sessionsOf(user)),
    store.get<Session>(keys.session(id)),
  ]);
  if (!profile.value || isDeleted(profile.value)) return null;
  requireUnsuspended(profile.value);
  // An earlier try was stored although no answer came.
  if (started.value) return profile.value;

  const ended = superfluous(await sessionIds(store, user));
  const outcome = await core.feed.commit(
    {
      checks: [
        ...checks,
        { key: profile.key, version: profile.version },
        { key: last.key, version: last.version },
      ],
      mutations: [
        ...writeSession(clock, session),
        lastStarted(user, id),
        ...ended.flatMap((old) => deleteSession(clock, user, old)),
        ...mutations,
      ],
    },
    ended.map((old) => ({ user, what: "session" as const, session: old })),
  );
  return outcome.kind === "stored" ? profile.value : AGAIN;
}
