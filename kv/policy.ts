// Who may do what in a room: one pure table of role and action for each type of room.
import { noRoom, Refused } from "./errors.ts";
import type { Role, RoomType } from "./shapes.ts";

/** Someone who is not in the room: sees a channel, sees nothing of other rooms. */
export type Standing = Role | "stranger";

const NOBODY: readonly Standing[] = [];
const OWNER: readonly Standing[] = ["owner"];
const STAFF: readonly Standing[] = ["owner", "admin"];
const WRITERS: readonly Standing[] = ["owner", "admin", "member"];
const INSIDE: readonly Standing[] = ["owner", "admin", "member", "guest"];
const ALL: readonly Standing[] = [...INSIDE, "stranger"];

type ByType = Readonly<Record<RoomType, readonly Standing[]>>;

function everywhere(standings: readonly Standing[]): ByType {
  return { direct: standings, group: standings, channel: standings };
}

/** Direct rooms are their two members', for good: nothing about them can be managed. */
function notDirect(
  group: readonly Standing[],
  channel: readonly Standing[] = group,
): ByType {
  return { direct: NOBODY, group, channel };
}

export const POLICY = {
  "room.read": { direct: INSIDE, group: INSIDE, channel: ALL },
  "room.follow": everywhere(INSIDE),
  "room.change": notDirect(STAFF),
  "room.delete": notDirect(OWNER),
  "room.join": notDirect(INSIDE, ALL),
  "room.leave": notDirect(INSIDE),
  "member.list": { direct: INSIDE, group: INSIDE, channel: ALL },
  "member.add": notDirect(WRITERS),
  "member.remove": notDirect(STAFF),
  "member.change": notDirect(STAFF),
  "invite.manage": notDirect(STAFF),
  "message.read": { direct: INSIDE, group: INSIDE, channel: ALL },
  "message.send": everywhere(WRITERS),
  "message.edit": everywhere(WRITERS),
  "message.delete": everywhere(WRITERS),
  "message.deleteOthers": { direct: NOBODY, group: STAFF, channel: STAFF },
  "receipt.read": everywhere(INSIDE),
} as const satisfies Record<string, ByType>;

export type Action = keyof typeof POLICY;

export function isAllowed(
  action: Action,
  type: RoomType,
  standing: Standing,
): boolean {
  return POLICY[action][type].includes(standing);
}

/** Throws `not_found` to those who may not even see the room, `forbidden` to those who see it but may not. */
export function requireAllowed(
  action: Action,
  type: RoomType,
  standing: Standing,
): void {
  if (isAllowed(action, type, standing)) return;
  if (!isAllowed("room.read", type, standing)) throw noRoom();
  throw new Refused(
    "forbidden",
    standing === "stranger"
      ? "Only members of this room may do that."
      : `Your role in this room (${standing}) does not allow that.`,
  );
}

const RANK: Readonly<Record<Role, number>> = {
  owner: 3,
  admin: 2,
  member: 1,
  guest: 0,
};

/** Owners stand above everyone, other owners included; everybody else only above lower roles. */
export function isAbove(role: Role, other: Role): boolean {
  return role === "owner" || RANK[role] > RANK[other];
}
