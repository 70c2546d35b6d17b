// What a membership writes: the member under the room, the room under the user, and where their reading begins.
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import type { Draft } from "../log/draft.ts";
import type { Member } from "../log/event.ts";
import type { Role } from "../shapes.ts";

/** Row of `keys.membership`: which rooms a user is in. Role and the like stand under the room. */
export interface Membership {
  readonly v: 1;
  /** The `seq` of the joining. */
  readonly joined: number;
}

/** Row of `keys.mark`: read up to `seq`, which is message `n` of the room and message `own` of the user's own there. */
export interface Mark {
  readonly v: 1;
  readonly seq: number;
  readonly n: number;
  readonly own: number;
}

/** Adds a member, who must not be one yet and must have been met as a sender. */
export function addMember(
  draft: Draft,
  user: string,
  role: Role,
  by: string,
): Member {
  const { room, head } = draft;
  let added: Member | undefined;
  const seq = draft.addEvent((joined) => {
    added = { v: 1, role, joined, at: head.at };
    return { type: "member.joined", data: { user, by, member: added } };
  });
  head.memberCount++;
  if (role === "owner") head.owners++;
  draft.setMember(user, added!);
  const membership: Membership = { v: 1, joined: seq };
  draft.set(keys.membership(user, room), membership);
  // Coming back counts as new: what was said before is history, not unread.
  const mark: Mark = { v: 1, seq, n: head.n, own: draft.sentCount(user) };
  draft.set(keys.mark(user, room), mark);
  draft.rings.push({ user, what: "membership", in: room });
  return added!;
}

/** Takes a member out. Whoever calls has seen to it that an owner stays. */
export function removeMember(
  draft: Draft,
  user: string,
  member: Member,
  by: string,
): void {
  const { room, head } = draft;
  draft.addEvent(() => ({ type: "member.left", data: { user, by, member } }));
  head.memberCount--;
  if (member.role === "owner") head.owners--;
  draft.setMember(user, null);
  draft.delete(keys.membership(user, room));
  draft.delete(keys.mark(user, room));
  draft.rings.push({ user, what: "membership", in: room });
}

export function changeRole(
  draft: Draft,
  user: string,
  member: Member,
  role: Role,
  by: string,
): Member {
  const changed: Member = { ...member, role };
  draft.addEvent(() => ({
    type: "member.updated",
    data: { user, by, member: changed },
  }));
  if (member.role === "owner") draft.head.owners--;
  if (role === "owner") draft.head.owners++;
  draft.setMember(user, changed);
  return changed;
}

/** The ids of the rooms a user is in. */
export async function readRoomsOf(
  core: Core,
  user: string,
): Promise<string[]> {
  const rows = await core.store.list<Membership>(keys.memberships(user));
  return rows.map(({ key }) => String(key.at(-1)));
}

/** Throws `conflict` for a user who is in as many rooms as one may be. Two joins at once may pass together. */
export async function requireSpace(core: Core, user: string): Promise<void> {
  const rooms = await core.store.list(keys.memberships(user), {
    limit: LIMITS.roomsPerUser,
  });
  if (rooms.length >= LIMITS.roomsPerUser) {
    throw new Refused(
      "conflict",
      `A user can be in at most ${LIMITS.roomsPerUser} rooms.`,
    );
  }
}
