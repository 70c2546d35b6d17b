// What an invite is: a row under its room, a row by which the room is found, and whom it lets in.
import { isDeleted, isSuspended, type Profile } from "../accounts/profiles.ts";
import { Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import type { Draft } from "../log/draft.ts";
import type { Member } from "../log/event.ts";
import { isAbove, isAllowed } from "../policy.ts";
import type { InviteShape, RoomType } from "../shapes.ts";
import type { Key } from "../store.ts";

/** Row of `keys.invite`. Only the room's writer changes it, so that the check of the head covers it. */
export interface Invite {
  readonly v: 1;
  readonly role: InviteShape["role"];
  readonly by: string;
  /** Null where any number may come. */
  readonly usesLeft: number | null;
  readonly expiresAt: number;
  readonly revoked?: true;
  /** The request that made it, by which a repeat finds it. */
  readonly request?: string;
}

/** How long after its time an invite is still known, and `gone`. */
const REMEMBERED_MS = 30 * 24 * 60 * 60_000;

/** Whether somebody may make invites of that role: staff, for roles below their own. */
export function mayInvite(
  type: RoomType,
  member: Member | null,
  role: Invite["role"],
): boolean {
  return member !== null && isAllowed("invite.manage", type, member.role) &&
    isAbove(member.role, role);
}

/** How who made an invite stands in the room, by both their rows: while they are suspended it is as if they had left. */
export function toMaker(
  member: Member | null,
  profile: Profile | null | undefined,
): Member | null {
  return profile && !isDeleted(profile) && !isSuspended(profile)
    ? member
    : null;
}

/** The same as the draft leaves it. */
export async function meetMaker(
  draft: Draft,
  user: string,
): Promise<Member | null> {
  const [profile] = await Promise.all([
    draft.read<Profile>(keys.profile(user)),
    draft.meet(user),
  ]);
  return toMaker(draft.member(user), profile);
}

/** Whether it lets somebody in, as its maker stands in the room now: what they may not make any more is good for nobody. */
export function isGood(
  { revoked, usesLeft, expiresAt, role }: Invite,
  type: RoomType,
  maker: Member | null,
  now: number,
): boolean {
  return !revoked && usesLeft !== 0 && expiresAt > now &&
    mayInvite(type, maker, role);
}

/**
 * Takes one use of an invite.
 * @throws Refused `gone` where there is none to take
 */
export async function takeUse(
  draft: Draft,
  code: string,
  now: number,
): Promise<Invite> {
  const invite = await requireGoodInvite(draft, code, now);
  if (invite.usesLeft !== null) {
    const usesLeft = invite.usesLeft - 1;
    writeInvite(draft, code, { ...invite, usesLeft }, now);
  }
  return invite;
}

/** @throws Refused `gone` where it lets nobody in any more */
export async function requireGoodInvite(
  draft: Draft,
  code: string,
  now: number,
): Promise<Invite> {
  const invite = await draft.read<Invite>(keys.invite(draft.room, code));
  if (invite !== null) {
    const maker = await meetMaker(draft, invite.by);
    if (isGood(invite, draft.head.type, maker, now)) return invite;
  }
  throw new Refused("gone", "This invite is used up, revoked or out of time.");
}

export function writeInvite(
  draft: Draft,
  code: string,
  invite: Invite,
  now: number,
): void {
  const expireInMs = Math.max(1, invite.expiresAt + REMEMBERED_MS - now);
  const key = keys.invite(draft.room, code);
  draft.add({ key, value: invite, expireInMs });
  draft.add({ key: keys.invited(code), value: draft.room, expireInMs });
}

export function forgetInvite(draft: Draft, code: string): void {
  draft.delete(keys.invite(draft.room, code));
  draft.delete(keys.invited(code));
}

/** The row by which the room is found, where `key` is an invite's; else null. */
export function toInvitedKey(key: Key): Key | null {
  const [, , kind, code] = key;
  return kind === "i" ? keys.invited(String(code)) : null;
}
