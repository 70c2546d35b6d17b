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
import type { Passwords } from "./passwords.ts";
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

/** Makes a user an admin. Throws `not_found`, and `conflict` for a service's account. */
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
    if (value.role === "admin") return true;
    const appointed: LiveProfile = { ...value, role: "admin" };
    const outcome = await feed.commit({
      checks: [{ key, version }],
      mutations: [{ key, value: appointed }],
    }, [{ user, what: "profile" }]);
    return outcome.kind === "stored" ? true : AGAIN;
  });
}

/** Makes the user of this name an admin, or a new one. Answers the password that was made for a new one. */
export async function appointByName(
  core: Pick<Core, "store" | "clock" | "feed">,
  passwords: Passwords,
  username: string,
): Promise<string | null> {
  const existing = await getByUsername(core.store, username);
  if (existing) {
    await appoint(core, existing.id);
    return null;
  }
  const password = randomId(24);
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
  return password;
}
