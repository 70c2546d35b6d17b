// Users as they are read and as they change themselves.
import * as z from "zod";
import type { Core } from "../core.ts";
import { notFound, Refused } from "../errors.ts";
import { userOperation } from "../operation.ts";
import {
  about,
  avatar,
  displayName,
  id,
  me,
  nothing,
  user,
} from "../shapes.ts";
import {
  isDeleted,
  type LiveProfile,
  moveSearchNames,
  readProfile,
  requireUnsuspended,
  toMe,
  toUser,
} from "./profiles.ts";
import { AGAIN, settle } from "./settle.ts";

export const readMe = userOperation({
  name: "user.me",
  summary: "Read your own profile",
  scope: "users",
  input: nothing,
  output: me,
  async run(core, _input, principal) {
    return toMe((await requireOwnProfile(core, principal.user)).profile);
  },
});

export const getUser = userOperation({
  name: "user.get",
  summary: "Read a user's profile",
  scope: "users",
  input: z.object({ userId: id }),
  output: user,
  async run(core, { userId }) {
    const { value } = await readProfile(core.store, userId);
    if (!value) throw notFound("user");
    return toUser(value);
  },
});

export const updateMe = userOperation({
  name: "user.update",
  summary: "Change your own profile; null clears a field",
  scope: "users",
  input: z.object({
    displayName: displayName.optional(),
    about: about.nullable().optional(),
    avatar: avatar.nullable().optional(),
  }),
  output: me,
  run(core, changes, { user }) {
    return settle(core.clock, async () => {
      const { profile, check } = await requireOwnProfile(core, user);
      const changed = change(profile, changes);
      // Unknown: the same change is made again, under a check of whatever is there then.
      const outcome = await core.feed.commit({
        checks: [check],
        mutations: [
          { key: check.key, value: changed },
          ...moveSearchNames(profile, changed),
        ],
      }, [{ user, what: "profile" }]);
      return outcome.kind === "stored" ? toMe(changed) : AGAIN;
    });
  },
});

/**
 * One's own profile and the check that it is still so. Throws `unauthenticated` when the user was deleted meanwhile,
 * `forbidden` when suspended.
 */
export async function requireOwnProfile(core: Core, user: string) {
  const { key, value, version } = await readProfile(core.store, user);
  if (!value || isDeleted(value)) {
    throw new Refused("unauthenticated", "This account was deleted.");
  }
  requireUnsuspended(value);
  return { profile: value, check: { key, version } };
}

interface Changes {
  readonly displayName?: string | undefined;
  readonly about?: string | null | undefined;
  readonly avatar?: string | null | undefined;
}

function change(profile: LiveProfile, changes: Changes): LiveProfile {
  const { about: oldAbout, avatar: oldAvatar, ...rest } = profile;
  const about = changes.about === undefined ? oldAbout : changes.about;
  const avatar = changes.avatar === undefined ? oldAvatar : changes.avatar;
  return {
    ...rest,
    displayName: changes.displayName ?? profile.displayName,
    // An empty text clears it too.
    ...(about ? { about } : {}),
    ...(avatar ? { avatar } : {}),
  };
}
