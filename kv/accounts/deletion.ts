// A user going away: what is left at once is a tombstone and a name nobody else can take.
import { jobMutation } from "../jobs/port.ts";
import { keys } from "../keys.ts";
import { userOperation } from "../operation.ts";
import { nothing } from "../shapes.ts";
import {
  isDeleted,
  moveSearchNames,
  readProfile,
  type Tombstone,
} from "./profiles.ts";
import { deleteSession, ringsOfAll, sessionIds } from "./sessions.ts";
import { AGAIN, settle } from "./settle.ts";

/** The job that leaves the rooms of a deleted user and passes on what it owned; its data is `{user}`. */
export const USER_DELETED = "user.deleted";

/** Longer than any commit that did not see the deletion can be under way. */
const ADDED_WITHIN_MS = 60_000;

export const deleteMe = userOperation({
  name: "user.delete",
  summary: "Delete your account for good",
  input: nothing,
  output: nothing,
  async run(core, _input, { user }) {
    const { store, clock, feed, accounts } = core;
    const sessions = new Set<string>();

    await settle(clock, async () => {
      const profile = await readProfile(store, user);
      // By an earlier try, or by another device.
      if (!profile.value || isDeleted(profile.value)) return true;
      const last = await store.get<string>(keys.sessionsOf(user));
      const ids = await sessionIds(store, user);
      for (const id of ids) sessions.add(id);
      const { email } = profile.value;
      const tombstone: Tombstone = { v: 1, id: user, deleted: true };

      const outcome = await store.commit(feed.attach({
        checks: [
          { key: profile.key, version: profile.version },
          // No session was started since they were listed, so none is left behind.
          { key: last.key, version: last.version },
        ],
        mutations: [
          { key: profile.key, value: tombstone },
          { key: keys.password(user), delete: true },
          ...(email ? [{ key: keys.email(email), delete: true as const }] : []),
          ...moveSearchNames(profile.value, null),
          ...ids.flatMap((id) => deleteSession(clock, user, id)),
          { key: last.key, delete: true },
          // Again after a while: a room may have added the user when the first had passed it.
          ...[0, ADDED_WITHIN_MS].map((ms) =>
            jobMutation(USER_DELETED, { user }, clock.now() + ms)
          ),
        ],
      }, ringsOfAll(user, ids)));
      return outcome.kind === "stored" ? true : AGAIN;
    });

    for (const id of sessions) accounts.sessions.forget(id);
    accounts.serviceKeys.forgetUser(user);
    // After the last try, not after the one that was answered: a deletion without an answer closes sockets, too.
    feed.announce(ringsOfAll(user, sessions));
    return {};
  },
});
