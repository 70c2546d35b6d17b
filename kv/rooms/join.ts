// Coming into a room and going out of it by one's own will.
import * as z from "zod";
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import type { Draft } from "../log/draft.ts";
import type { Member } from "../log/event.ts";
import { userOperation } from "../operation.ts";
import { isAbove } from "../policy.ts";
import { id, myRoom, nothing } from "../shapes.ts";
import { requireActor } from "./access.ts";
import {
  addMember,
  changeRole,
  removeMember,
  requireSpace,
} from "./membership.ts";
import { requireMyRoom } from "./mine.ts";

export const joinRoom = userOperation({
  name: "room.join",
  summary: "Join a channel; nothing changes for who is in the room already",
  input: z.object({ room: id }),
  output: myRoom,
  async run(core, { room }, { user }) {
    await requireSpace(core, user);
    await core.logs.change(room, async (draft) => {
      await draft.meetSender(user);
      if (requireActor(draft, "room.join", user) === null) {
        addMember(draft, user, "member", user);
      }
    });
    return requireMyRoom(core, user, room);
  },
});

export const leaveRoom = userOperation({
  name: "room.leave",
  summary: "Leave a room; the last owner hands it on",
  ordered: true,
  input: z.object({ room: id }),
  output: nothing,
  run(core, { room }, { user }) {
    return core.logs.change(room, async (draft) => {
      await draft.meet(user);
      const member = requireActor(draft, "room.leave", user)!;
      await passOn(core, draft, user, member);
      removeMember(draft, user, member, user);
      return {};
    });
  },
});

/**
 * Hands a room to another member when its last owner goes: to the longest-standing of the highest role.
 * @throws Refused `last_owner` where nobody else is there: such a room is deleted by choice
 */
export async function passOn(
  core: Core,
  draft: Draft,
  user: string,
  member: Member,
): Promise<void> {
  const { head, room } = draft;
  if (member.role !== "owner" || head.owners > 1) return;
  if (head.memberCount === 1) {
    throw new Refused(
      "last_owner",
      "You are the last one here: delete the room instead.",
    );
  }
  const heirs = (await core.store.list<Member>(keys.members(room)))
    .sort((a, b) => bySeniority(a.value, b.value))
    .map((row) => String(row.key.at(-1)));
  for (const heir of heirs) {
    await draft.meet(heir);
    const standing = draft.member(heir);
    if (heir === user || standing === null) continue;
    changeRole(draft, heir, standing, "owner", user);
    return;
  }
  // Those who were added by this very commit are not in the store yet: the commit is to be made first.
  throw new Refused("unavailable", "The room is changing; try again.");
}

function bySeniority(a: Member, b: Member): number {
  if (a.role === b.role) return a.joined - b.joined;
  return isAbove(a.role, b.role) ? -1 : 1;
}
