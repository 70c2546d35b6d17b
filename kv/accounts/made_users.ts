// Users made and signed in by others: by a service that knows them already, or by an admin.
import * as z from "zod";
import { toTimestamp } from "../clock.ts";
import type { Core } from "../core.ts";
import { notFound, Refused } from "../errors.ts";
import { derivedId, randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import { userOperation } from "../operation.ts";
import {
  displayName,
  id,
  listOf,
  liveUser,
  newPassword,
  serviceRole,
  timestamp,
  username,
} from "../shapes.ts";
import type { Check } from "../store.ts";
import { requireAdmin } from "./admins.ts";
import { claimNames, namesIn, storeAccount } from "./new_account.ts";
import {
  getByUsername,
  isDeleted,
  type LiveProfile,
  readProfile,
  toUser,
} from "./profiles.ts";
import { startSession } from "./session_start.ts";
import { newSession } from "./sessions.ts";
import { AGAIN, settle } from "./settle.ts";
import { signedIn, signIn } from "./sign_in.ts";

/** A user as those see them who look after the service. */
export const account = liveUser.extend({
  role: serviceRole,
  createdBy: id.optional().describe(
    "The service or admin that made the account; absent where the user did",
  ),
  suspendedAt: timestamp.optional().describe(
    "Since when the user is suspended; absent where they are not",
  ),
}).meta({ id: "Account" });

export const createUser = userOperation({
  name: "user.create",
  summary:
    "Make a user; without a password they cannot sign in here by themselves",
  scope: "users",
  input: z.object({
    username,
    displayName: displayName.optional(),
    password: newPassword.optional(),
  }),
  output: account,
  async run(core, input, principal) {
    await requireAdmin(core, principal);
    const { user: createdBy, idempotencyKey } = principal;
    const profile: LiveProfile = {
      v: 1,
      // The same key makes the same user, so that a repeat after a crash finds it.
      id: idempotencyKey === undefined
        ? randomId()
        : derivedId("user", createdBy, idempotencyKey),
      username: input.username,
      displayName: input.displayName ?? input.username,
      createdBy,
      createdAt: core.clock.now(),
    };
    // Before the costly hash: that a name is taken is no secret here.
    await claimNames(namesIn(core.store), profile);
    await storeAccount(
      core,
      profile,
      input.password === undefined ? [] : [{
        key: keys.password(profile.id),
        value: await core.accounts.passwords.hash(input.password),
      }],
    );
    return toAccount((await requirePerson(core, profile.id)).profile);
  },
});

export const findUser = userOperation({
  name: "user.find",
  summary: "Find the user of a username, in whatever case",
  scope: "users",
  input: z.object({ username }),
  output: listOf(account),
  async run(core, { username }, principal) {
    await requireAdmin(core, principal);
    const found = await getByUsername(core.store, username);
    return {
      items: found && !isDeleted(found) ? [toAccount(found)] : [],
      nextCursor: null,
    };
  },
});

export const createSession = userOperation({
  name: "session.create",
  summary: "Sign a user in, who then has a session like any other",
  scope: "sessions",
  secret: true,
  input: z.object({ userId: id }),
  output: signedIn,
  async run(core, { userId }, principal) {
    await requireAdmin(core, principal);
    const session = newSession(core, userId, principal);
    return await settle(core.clock, async () => {
      const { profile, check } = await requirePerson(core, userId);
      // Else a scope for signing in would be all scopes, by way of an admin.
      if (profile.service || profile.role) {
        throw new Refused("forbidden", "Nobody else may sign in as this user.");
      }
      const started = await startSession(core, session, { checks: [check] });
      return started === AGAIN || started === null
        ? AGAIN
        : await signIn(core, started, session);
    });
  },
});

/** A user's profile and the check that it is still so. Throws `not_found`, for a deleted one, too. */
export async function requirePerson(
  { store }: Core,
  userId: string,
): Promise<{ readonly profile: LiveProfile; readonly check: Check }> {
  const { key, value, version } = await readProfile(store, userId);
  if (!value || isDeleted(value)) throw notFound("user");
  return { profile: value, check: { key, version } };
}

/** Field by field, as anybody sees them and more. */
export function toAccount(profile: LiveProfile): z.infer<typeof account> {
  const { role = "user", createdBy, suspendedAt } = profile;
  return {
    ...toUser(profile),
    role,
    ...(createdBy === undefined ? {} : { createdBy }),
    ...(suspendedAt === undefined
      ? {}
      : { suspendedAt: toTimestamp(suspendedAt) }),
  };
}
