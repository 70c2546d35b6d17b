// The end of a room, and of a deleted user's memberships: a tombstone at once, the rest by jobs.
import * as z from "zod";
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { jobMutation } from "../jobs/port.ts";
import { keys } from "../keys.ts";
import type { Draft } from "../log/draft.ts";
import type { Member } from "../log/event.ts";
import { toRoom } from "../log/head.ts";
import { userOperation } from "../operation.ts";
import { id, nothing } from "../shapes.ts";
import type { Mutation } from "../store.ts";
import { requireActor } from "./access.ts";
import { toChannelKey } from "./channels.ts";
import { passOn } from "./join.ts";
import { toInvitedKey } from "./invite.ts";
import { readRoomsOf, removeMember } from "./membership.ts";

export const deleteRoom = userOperation({
  name: "room.delete",
  summary: "Delete a room with everything in it",
  scope: "rooms",
  ordered: true,
  input: z.object({ room: id }),
  output: nothing,
  run(core, { room }, { user }) {
    return core.logs.change(room, async (draft) => {
      await draft.meet(user);
      requireActor(draft, "room.delete", user);
      bury(core, draft);
      return {};
    });
  },
});

/** The room is gone for everybody from this commit on. */
function bury(core: Core, draft: Draft): void {
  const { head, room } = draft;
  head.deleted = true;
  draft.addEvent(() => ({
    type: "room.deleted",
    data: toRoom(room, head, core.logs.generation),
  }));
  if (head.type === "channel") draft.delete(toChannelKey(head.name!, room));
  // A tombstone says nothing.
  delete head.name;
  delete head.description;
  draft.add(jobMutation("room.deleted", { room }, core.clock.now()));
}

const ROWS_PER_COMMIT = 300;

/** Job `room.deleted`: takes the room from its members' lists and clears its rows; the tombstone stays. */
export async function clearRoom(core: Core, room: string): Promise<void> {
  const { store, feed } = core;
  for (;;) {
    const members = await store.list<Member>(keys.members(room), {
      limit: ROWS_PER_COMMIT / 3,
    });
    if (members.length === 0) break;
    const users = members.map((row) => String(row.key.at(-1)));
    const outcome = await feed.commit({
      checks: [],
      mutations: users.flatMap((user): Mutation[] => [
        { key: keys.membership(user, room), delete: true },
        { key: keys.mark(user, room), delete: true },
        { key: keys.member(room, user), delete: true },
      ]),
    }, users.map((user) => ({ user, what: "membership", in: room })));
    if (outcome.kind !== "stored") throw unstored();
  }
  for (;;) {
    const rows = await store.list(keys.room(room), { limit: ROWS_PER_COMMIT });
    const dead = rows.filter((row) => row.key.at(2) !== "h");
    if (dead.length === 0) return;
    const outcome = await store.commit({
      checks: [],
      mutations: dead.flatMap(({ key }): Mutation[] => {
        const found = toInvitedKey(key);
        return [
          { key, delete: true },
          ...(found === null ? [] : [{ key: found, delete: true as const }]),
        ];
      }),
    });
    if (outcome.kind !== "stored") throw unstored();
  }
}

/** Job `user.deleted`: takes the user out of every room. A room of which nobody is left goes too. */
export async function leaveAllRooms(core: Core, user: string): Promise<void> {
  for (const room of await readRoomsOf(core, user)) {
    await core.logs.change(room, async (draft) => {
      await draft.meet(user);
      const member = draft.member(user);
      if (member === null) return;
      if (draft.head.memberCount === 1) return bury(core, draft);
      await passOn(draft, user, member);
      removeMember(draft, user, member, user);
    }).catch((error) => {
      // A room that is gone needs no leaving.
      if (!(error instanceof Refused && error.code === "not_found")) {
        throw error;
      }
    });
  }
}

function unstored(): Refused {
  return new Refused("unavailable", "The store did not answer; try again.");
}
