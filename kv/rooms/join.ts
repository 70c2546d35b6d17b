// Coming into a room and going out of it by one's own will.
import * as z from "zod";
import { Refused } from "../errors.ts";
import type { Draft } from "../log/draft.ts";
import type { Member } from "../log/event.ts";
import { userOperation } from "../operation.ts";
import { isAbove } from "../policy.ts";
import { id, myRoom, nothing } from "../shapes.ts";
import { requireAccess, requireActor } from "./access.ts";
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
  scope: "rooms",
  input: z.object({ room: id }),
  output: myRoom,
  async run(core, { room }, { user }) {
    await requireAccess(core, "room.join", room, user);
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
  scope: "rooms",
  ordered: true,
  input: z.object({ room: id }),
  output: nothing,
  run(core, { room }, { user }) {
    return core.logs.change(room, async (draft) => {
      await draft.meet(user);
      const member = requireActor(draft, "room.leave", user)!;
      await passOn(draft, user, member);
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
  draft: Draft,
  user: string,
  member: Member,
): Promise<void> {
  const { head } = draft;
  if (member.role !== "owner" || head.owners > 1) return;
  if (head.memberCount === 1) {
    throw new Refused(
      "last_owner",
      "You are the last one here: delete the room instead.",
    );
  }
  const [heir] = [...await draft.members()]
    .filter(([one]) => one !== user)
    .sort(([, a], [, b]) => bySeniority(a, b));
  if (heir === undefined) throw new Error("a room counts more than it has");
  changeRole(draft, heir[0], heir[1], "owner", user);
}

function bySeniority(a: Member, b: Member): number {
  if (a.role === b.role) return a.joined - b.joined;
  return isAbove(a.role, b.role) ? -1 : 1;
}
