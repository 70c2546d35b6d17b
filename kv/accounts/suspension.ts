// Suspending users: kept out until they are restored, while all that they wrote stays.
import * as z from "zod";
import { Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import { userOperation } from "../operation.ts";
import type { Principal } from "../principal.ts";
import { id } from "../shapes.ts";
import { requireAdmin } from "./admins.ts";
import { account, requirePerson, toAccount } from "./made_users.ts";
import { isSuspended, type LiveProfile } from "./profiles.ts";
import { deleteSession, ringsOfAll, sessionIds } from "./sessions.ts";
import { AGAIN, settle } from "./settle.ts";

export const setSuspended = userOperation({
  name: "user.setSuspended",
  summary:
    "Suspend a user, whose sessions end and who cannot sign in until restored, or restore them",
  scope: "users",
  input: z.object({ userId: id, suspended: z.boolean() }),
  output: account,
  async run(core, { userId, suspended }, principal) {
    const { store, clock, feed, accounts } = core;
    const ended = new Set<string>();

    const profile = await settle(clock, async () => {
      const asking = await requireAdmin(core, principal);
      const { profile, check } = await requirePerson(core, userId);
      requireMaySuspend(principal, profile);
      // By an earlier try, or by somebody else.
      if (isSuspended(profile) === suspended) return profile;

      const last = await store.get<string>(keys.sessionsOf(userId));
      const ids = suspended ? await sessionIds(store, userId) : [];
      for (const id of ids) ended.add(id);
      const { suspendedAt: _, ...rest } = profile;
      const changed: LiveProfile = suspended
        ? { ...rest, suspendedAt: clock.now() }
        : rest;
      const outcome = await store.commit(feed.attach({
        checks: [
          // Of two admins who suspend each other one is too late.
          ...asking,
          check,
          // No session was started since they were listed; later ones find the profile changed.
          { key: last.key, version: last.version },
        ],
        mutations: [
          { key: check.key, value: changed },
          ...ids.flatMap((id) => deleteSession(clock, userId, id)),
        ],
      }, suspended ? ringsOfAll(userId, ids) : []));
      return outcome.kind === "stored" ? changed : AGAIN;
    });

    if (suspended) {
      for (const id of ended) accounts.sessions.forget(id);
      accounts.serviceKeys.forgetUser(userId);
      // After the last try, not after the one that was answered: a suspension without an answer closes sockets, too.
      feed.announce(ringsOfAll(userId, ended));
    }
    return toAccount(profile);
  },
});

/** Throws `forbidden`: no admin is locked out by a key or by themselves, and a service is stopped by its keys. */
function requireMaySuspend(
  { user, key }: Principal,
  { id, role, service }: LiveProfile,
): void {
  if (service) {
    throw new Refused(
      "forbidden",
      "This is the account of a service: revoke its keys.",
    );
  }
  if (role && key) {
    throw new Refused(
      "forbidden",
      "A service key may neither suspend nor restore an admin.",
    );
  }
  if (id === user) {
    throw new Refused(
      "forbidden",
      "Nobody may suspend or restore themselves.",
    );
  }
}
