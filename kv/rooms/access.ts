// Reads a room for somebody: what it is and how they stand in it, refused where they may not.
import type { Core } from "../core.ts";
import { noRoom } from "../errors.ts";
import { keys } from "../keys.ts";
import type { Draft } from "../log/draft.ts";
import type { Member } from "../log/event.ts";
import type { Head } from "../log/head.ts";
import { type Action, requireAllowed, type Standing } from "../policy.ts";

export interface Access {
  readonly head: Head;
  /** The head's. */
  readonly version: string | null;
  readonly member: Member | null;
}

/**
 * Head and membership in one snapshot.
 * @throws Refused `not_found` where there is no such room or the user may not see it, `forbidden`
 */
export async function requireAccess(
  core: Core,
  action: Action,
  room: string,
  user: string,
): Promise<Access> {
  const [headRow, memberRow] = await core.store.getMany([
    keys.head(room),
    keys.member(room, user),
  ]);
  const head = headRow!.value as Head | null;
  const member = memberRow!.value as Member | null;
  if (head === null || head.deleted) throw noRoom();
  requireAllowed(action, head.type, standingOf(member));
  return { head, version: headRow!.version, member };
}

/**
 * Reads something of a room. The permission is looked at before, to refuse early, and again after:
 * what was read before a removal may still be shown, what was read after it must not. Every change of a
 * membership moves the head: where it stands as it stood, so does the membership.
 */
export async function readAllowed<T>(
  core: Core,
  action: Action,
  room: string,
  user: string,
  read: (access: Access) => Promise<T>,
): Promise<T> {
  const access = await requireAccess(core, action, room, user);
  const result = await read(access);
  const { version } = await core.store.get(keys.head(room));
  if (version !== access.version) {
    await requireAccess(core, action, room, user);
  }
  return result;
}

export function standingOf(member: Member | null): Standing {
  return member?.role ?? "stranger";
}

/** The acting user's membership in a draft, met and allowed to act. */
export function requireActor(
  draft: Draft,
  action: Action,
  user: string,
): Member | null {
  const member = draft.member(user);
  requireAllowed(action, draft.head.type, standingOf(member));
  return member;
}
