// Rooms as one of their members sees them: role, unread count, last message.
import { readUsers, requireProfile, toUser } from "../accounts/profiles.ts";
import type { Core } from "../core.ts";
import { noRoom } from "../errors.ts";
import { keys } from "../keys.ts";
import type { Member } from "../log/event.ts";
import { type Head, toRoom } from "../log/head.ts";
import type { RoomHead } from "../log/heads.ts";
import { countSent } from "../log/sent.ts";
import type { MyRoom } from "../shapes.ts";
import type { Mark } from "./membership.ts";

/** Those of the rooms that the user is in, as the user sees them, in the order given. */
export async function presentMyRooms(
  core: Core,
  user: string,
  rooms: readonly RoomHead[],
): Promise<MyRoom[]> {
  return (await readMyRooms(core, user, rooms)).map(({ mine }) => mine);
}

export interface JoinedRoom {
  readonly mine: MyRoom;
  /** The `seq` of the user's joining. */
  readonly joined: number;
}

/** Those of the rooms that the user is in, as they are now, in the order given. */
export async function readJoinedRooms(
  core: Core,
  user: string,
  rooms: readonly string[],
): Promise<JoinedRoom[]> {
  return await readMyRooms(core, user, await core.logs.heads.read(rooms));
}

async function readMyRooms(
  core: Core,
  user: string,
  rooms: readonly RoomHead[],
): Promise<JoinedRoom[]> {
  const { store, logs } = core;
  const [lastMessages, sentCounts] = await Promise.all([
    logs.heads.readLast(rooms),
    countSent(
      store,
      rooms.map(({ room, head }) => ({ room, user, head })),
    ),
  ]);
  // Membership is read after the messages: what was read before a removal may still be shown.
  const [members, marks, peers] = await Promise.all([
    store.getMany<Member>(rooms.map(({ room }) => keys.member(room, user))),
    store.getMany<Mark>(rooms.map(({ room }) => keys.mark(user, room))),
    readUsers(core, rooms.flatMap(({ head }) => peerOf(head, user) ?? [])),
  ]);
  return rooms.flatMap(({ room, head }, i) => {
    const member = members[i]!.value;
    const mark = marks[i]!.value;
    const last = lastMessages[i]!;
    const peer = peerOf(head, user);
    if (member === null || mark === null) return [];
    // As the room was then they were not in it: of what it is now their joining tells.
    if (member.joined > head.seq) return [];
    const mine: MyRoom = {
      ...toRoom(room, head, logs.generation),
      role: member.role,
      read: mark.seq,
      unread: unreadOf(head.n, sentCounts[i]!, mark),
      ...(last === null ? {} : { lastMessage: last }),
      ...(peer === undefined
        ? {}
        : { peer: toUser(requireProfile(peers, peer)) }),
    };
    return [{ mine, joined: member.joined }];
  });
}

/** @throws Refused `not_found` where the user is not in the room */
export async function requireMyRoom(
  core: Core,
  user: string,
  room: string,
): Promise<MyRoom> {
  return (await requireJoinedRoom(core, user, room)).mine;
}

/** The same, with the `seq` of the user's joining. */
export async function requireJoinedRoom(
  core: Core,
  user: string,
  room: string,
): Promise<JoinedRoom> {
  const [joined] = await readJoinedRooms(core, user, [room]);
  if (joined === undefined) throw noRoom();
  return joined;
}

/** Messages of others since the mark: those since it, less one's own since it. */
export function unreadOf(n: number, ownNow: number, mark: Mark): number {
  return Math.max(0, n - mark.n - (ownNow - mark.own));
}

function peerOf(head: Head, user: string): string | undefined {
  return head.pair && (head.pair[0] === user ? head.pair[1] : head.pair[0]);
}
