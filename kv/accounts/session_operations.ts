// What a user does with sessions: refresh, log out, list, end.
import * as z from "zod";
import { toTimestamp } from "../clock.ts";
import type { Core } from "../core.ts";
import { notFound, Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import { publicOperation, userOperation } from "../operation.ts";
import type { Principal } from "../principal.ts";
import { id, listOf, nothing, page, timestamp } from "../shapes.ts";
import { isDeleted, isSuspended, readProfile } from "./profiles.ts";
import { rotate } from "./rotation.ts";
import {
  endSessions,
  getSession,
  isLive,
  type Session,
  sessionIds,
} from "./sessions.ts";
import { signedIn, signIn } from "./sign_in.ts";

const refreshToken = z.string().min(1).max(512);

const session = z.object({
  id,
  current: z.boolean().describe("Whether it is the one that asks"),
  createdAt: timestamp,
  seenAt: timestamp.describe("When it was last refreshed"),
  agent: z.string().optional(),
  address: z.string().optional(),
}).meta({ id: "Session" });

export const refresh = publicOperation({
  name: "session.refresh",
  summary: "Exchange a refresh token for a new one and an access token",
  input: z.object({ refreshToken }),
  output: signedIn,
  async run(core, { refreshToken }) {
    const session = await rotate(core, refreshToken);
    const { value: profile } = await readProfile(core.store, session.user);
    // Since the exchange, and the session ended with it.
    if (!profile || isDeleted(profile) || isSuspended(profile)) {
      throw new Refused("unauthenticated", "This refresh token is not valid.");
    }
    return await signIn(core, profile, session);
  },
});

export const logOut = publicOperation({
  name: "session.logout",
  summary: "End the session of a refresh token; says nothing about the token",
  input: z.object({ refreshToken }),
  output: nothing,
  async run(core, { refreshToken }) {
    const { refreshTokens } = core.accounts;
    const claim = refreshTokens.parse(refreshToken);
    const session = claim &&
      await getSession(core.store, core.clock, claim.session);
    if (session && refreshTokens.isGenuine(claim, session.salt)) {
      await endSessions(core, session.user, [session.id]);
    }
    return {};
  },
});

export const listSessions = userOperation({
  name: "session.list",
  summary: "List your sessions, the newest first",
  input: z.object(page),
  output: listOf(session),
  async run(core, { limit = LIMITS.pageItems, cursor }, principal) {
    const ids = await sessionIds(core.store, principal.user);
    const rows = await core.store.getMany<Session>(ids.map(keys.session));
    const now = core.clock.now();
    const live = rows.flatMap(({ value }) =>
      value && isLive(value, now) ? [value] : []
    );
    const last = cursor === undefined ? null : parseCursor(cursor);
    const rest = live.sort(byAge)
      .filter((one) => last === null || byAge(one, last) > 0);
    const shown = rest.slice(0, limit);
    const end = shown.length < rest.length ? shown.at(-1) : undefined;
    return {
      items: shown.map((one) => toShape(one, principal.session)),
      nextCursor: end === undefined ? null : `${end.createdAt}!${end.id}`,
    };
  },
});

type Place = Pick<Session, "createdAt" | "id">;

/** The newest first. */
function byAge(a: Place, b: Place): number {
  return b.createdAt - a.createdAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

/** The session a page ended with, which may have ended since. */
function parseCursor(cursor: string): Place {
  const parts = /^(\d{1,15})!(\S+)$/.exec(cursor);
  if (parts === null) {
    throw new Refused("invalid", "That is no cursor of this list.");
  }
  return { createdAt: Number(parts[1]), id: parts[2]! };
}

export const readSession = userOperation({
  name: "session.get",
  summary: "Read one of your sessions",
  input: z.object({ session: id }),
  output: session,
  async run(core, input, principal) {
    const session = await requireOwnSession(core, principal, input.session);
    return toShape(session, principal.session);
  },
});

export const endOwnSession = userOperation({
  name: "session.end",
  summary: "End one of your sessions and close its sockets",
  input: z.object({ session: id }),
  output: nothing,
  async run(core, input, principal) {
    const session = await requireOwnSession(core, principal, input.session);
    await endSessions(core, principal.user, [session.id]);
    return {};
  },
});

export const endAllSessions = userOperation({
  name: "session.endAll",
  summary: "End all your sessions, this one too, and close their sockets",
  input: nothing,
  output: nothing,
  async run(core, _input, { user }) {
    await endSessions(core, user, await sessionIds(core.store, user));
    return {};
  },
});

async function requireOwnSession(
  core: Core,
  { user }: Principal,
  id: string,
): Promise<Session> {
  const session = await getSession(core.store, core.clock, id);
  if (session?.user !== user) throw notFound("session");
  return session;
}

/** Field by field: what tokens are derived from stays inside. */
function toShape(value: Session, current: string): z.infer<typeof session> {
  return {
    id: value.id,
    current: value.id === current,
    createdAt: toTimestamp(value.createdAt),
    seenAt: toTimestamp(value.seenAt),
    ...(value.agent === undefined ? {} : { agent: value.agent }),
    address: value.address,
  };
}
