// Sessions: one sign-in on one device, as a row and an entry in its user's list. An ended one is no row at all.
import type { Clock } from "../clock.ts";
import type { Core } from "../core.ts";
import { randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import type { Ring } from "../log/feed.ts";
import type { Caller } from "../principal.ts";
import type { Found, Mutation, Store } from "../store.ts";
import { AGAIN, settle } from "./settle.ts";

/** Times in milliseconds since 1970. */
export interface Session {
  readonly v: 1;
  readonly id: string;
  readonly user: string;
  /** What its refresh tokens are derived from. */
  readonly salt: string;
  /** The generation of the refresh token given out last. */
  readonly generation: number;
  readonly rotatedAt: number;
  readonly createdAt: number;
  readonly seenAt: number;
  readonly agent?: string;
  readonly address: string;
  /** Until when it can be refreshed; moves on with each refresh. */
  readonly expiresAt: number;
}

/** The entry in the user's list: what is needed to end the oldest without reading them all. */
interface SessionEntry {
  readonly v: 1;
  readonly createdAt: number;
}

const AGENT_LENGTH = 200;

export function newSession(core: Core, user: string, caller: Caller): Session {
  const now = core.clock.now();
  return {
    v: 1,
    id: randomId(),
    user,
    salt: core.accounts.refreshTokens.newSalt(),
    generation: 0,
    rotatedAt: now,
    createdAt: now,
    seenAt: now,
    ...(caller.agent === undefined
      ? {}
      : { agent: caller.agent.slice(0, AGENT_LENGTH).toWellFormed() }),
    address: caller.address,
    expiresAt: now + core.accounts.sessionMs,
  };
}

/** The rows of a session as it is now; the database may drop them some time after it expired. */
export function writeSession(clock: Clock, session: Session): Mutation[] {
  const expireInMs = Math.max(1, session.expiresAt - clock.now());
  const entry: SessionEntry = { v: 1, createdAt: session.createdAt };
  return [
    { key: keys.session(session.id), value: session, expireInMs },
    { key: keys.sessionOf(session.user, session.id), value: entry, expireInMs },
  ];
}

/**
 * Deletes a session's rows. Tokens of the identity provider's are not ours to make void, so a mark stays that says
 * until when those of the session's family were ended.
 */
export function deleteSession(
  clock: Clock,
  user: string,
  session: string,
): Mutation[] {
  const family = familyOf(session);
  return [
    { key: keys.session(session), delete: true },
    { key: keys.sessionOf(user, session), delete: true },
    ...(family === null
      ? []
      : [{ key: keys.endedFamily(family), value: clock.now() }]),
  ];
}

/**
 * The id of an identity provider's session: `‹family›.‹when the one before it was ended›`. Both sign-ins of a family
 * never have the same id, so nothing that belongs to an ended one fits a later one.
 */
export function sessionIdOf(family: string, endedAt: number): string {
  return `${family}.${endedAt.toString(36)}`;
}

/** Null for a session of our own, whose random id has no dot. */
function familyOf(session: string): string | null {
  const dot = session.indexOf(".");
  return dot < 0 ? null : session.slice(0, dot);
}

/**
 * The row that every start of a session moves. Whoever has read the user's list and checks this row
 * knows that no session was added since: so the limit holds, and deleting a user leaves none behind.
 */
export function lastStarted(user: string, session: string): Mutation {
  return { key: keys.sessionsOf(user), value: session };
}

/** The ids of a user's sessions, oldest first; some may have expired. At most `LIMITS.sessionsPerUser`. */
export async function sessionIds(
  store: Store,
  user: string,
): Promise<string[]> {
  const entries = await store.list<SessionEntry>(keys.sessionsOf(user));
  return entries
    .sort((a, b) => a.value.createdAt - b.value.createdAt)
    .map(idOfEntry);
}

/** The ids that must end so that one more session fits, oldest first. */
export function superfluous(idsOldestFirst: readonly string[]): string[] {
  const tooMany = idsOldestFirst.length - (LIMITS.sessionsPerUser - 1);
  return idsOldestFirst.slice(0, Math.max(0, tooMany));
}

/** The session, or null when it has ended or expired. */
export async function getSession(
  store: Store,
  clock: Clock,
  id: string,
): Promise<Session | null> {
  const { value } = await store.get<Session>(keys.session(id));
  return value && isLive(value, clock.now()) ? value : null;
}

export function isLive(
  session: Pick<Session, "expiresAt">,
  now: number,
): boolean {
  return session.expiresAt > now;
}

/**
 * Ends sessions of a user and rings their sockets. Nothing is checked: a session's row is only ever written under
 * a check of itself, so what is deleted stays deleted, and doing it twice is harmless.
 */
export async function endSessions(
  core: Core,
  user: string,
  ids: readonly string[],
): Promise<void> {
  await settle(core.clock, async () => {
    const outcome = await core.feed.commit(
      {
        checks: [],
        mutations: ids.flatMap((id) => deleteSession(core.clock, user, id)),
      },
      ids.map((session) => ({ user, what: "session", session })),
    );
    return outcome.kind === "stored" ? true : AGAIN;
  });
  for (const id of ids) core.accounts.sessions.forget(id);
}

/** What rings where all of a user's sessions end with the user: service keys that act for them hear it by the profile. */
export function ringsOfAll(user: string, sessions: Iterable<string>): Ring[] {
  return [
    ...[...sessions].map((session) => ({
      user,
      what: "session" as const,
      session,
    })),
    { user, what: "profile" },
  ];
}

function idOfEntry(entry: Found<SessionEntry>): string {
  return String(entry.key.at(-1));
}
