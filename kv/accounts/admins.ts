// Admins: who may administer the service, and how somebody becomes one.
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import { isService, type Principal } from "../principal.ts";
import type { Check } from "../store.ts";
import { storeAccount } from "./new_account.ts";
import {
  getByUsername,
  isDeleted,
  type LiveProfile,
  readProfile,
} from "./profiles.ts";
import type { PasswordRecord, Passwords } from "./passwords.ts";
import { deleteSession, ringsOfAll, sessionIds } from "./sessions.ts";
import { AGAIN, settle } from "./settle.ts";
import { requireOwnProfile } from "./users.ts";

/**
 * Throws `forbidden` unless an admin asks, or a service in its own name, whose scopes were looked at already. Answers
 * the checks that it is still so.
 */
export async function requireAdmin(
  core: Core,
  principal: Principal,
): Promise<readonly Check[]> {
  if (isService(principal)) return [];
  const { profile, check } = await requireOwnProfile(core, principal.user);
  if (profile.role !== "admin") {
    throw new Refused("forbidden", "Only admins may do this.");
  }
  return [check];
}

/** Makes a user an admin, and restores a suspended one: else it would help nobody. Throws `not_found`, and `conflict` for a service's account. */
export async function appoint(
  { store, clock, feed }: Pick<Core, "store" | "clock" | "feed">,
  user: string,
): Promise<void> {
  await settle(clock, async () => {
    const { key, value, version } = await readProfile(store, user);
    if (!value || isDeleted(value)) {
      throw new Refused("not_found", "There is no such user.");
    }
    if (value.service) {
      throw new Refused("conflict", "That is the account of a service.");
    }
    const { suspendedAt, ...rest } = value;
    if (value.role === "admin" && suspendedAt === undefined) return true;
    const appointed: LiveProfile = { ...rest, role: "admin" };
    const outcome = await feed.commit({
      checks: [{ key, version }],
      mutations: [{ key, value: appointed }],
    }, [{ user, what: "profile" }]);
    return outcome.kind === "stored" ? true : AGAIN;
  });
}

/**
 * Makes the user of this name an admin, or a new one, whom nobody can be but whoever asked for it: sessions that a
 * service may have started end, and in place of a password that a service may know there is a new one. Answers the
 * password that was made, if any.
 */
export async function appointByName(
  core: Pick<Core, "store" | "clock" | "feed">,
  passwords: Passwords,
  username: string,
): Promise<{ readonly isNew: boolean; readonly password: string | null }> {
  const existing = await getByUsername(core.store, username);
  const password = randomId(24);
  if (existing) {
    const { id } = existing;
    await appoint(core, id);
    // After that no service can start another session, for it looks at the role in its commit.
    const isMade = !isDeleted(existing) && existing.createdBy !== undefined;
    const hash = isMade ? await passwords.hash(password) : null;
    await endWhatOthersKnow(core, id, hash);
    return { isNew: false, password: isMade ? password : null };
  }
  const profile: LiveProfile = {
    v: 1,
    id: randomId(),
    username,
    displayName: username,
    role: "admin",
    createdAt: core.clock.now(),
  };
  await storeAccount(core, profile, [
    {
      key: keys.password(profile.id),
      value: await passwords.hash(password),
    },
  ]);
  return { isNew: true, password };
}

async function endWhatOthersKnow(
  { store, clock, feed }: Pick<Core, "store" | "clock" | "feed">,
  user: string,
  hash: PasswordRecord | null,
): Promise<void> {
  await settle(clock, async () => {
    const last = await store.get<string>(keys.sessionsOf(user));
    const ids = await sessionIds(store, user);
    const outcome = await feed.commit({
      // No session was started since they were listed, so none by the old password is left behind.
      checks: [{ key: last.key, version: last.version }],
      mutations: [
        ...ids.flatMap((id) => deleteSession(clock, user, id)),
        ...(hash ? [{ key: keys.password(user), value: hash }] : []),
      ],
    }, ringsOfAll(user, ids));
    return outcome.kind === "stored" ? true : AGAIN;
  });
}
