// A user's rooms as the user sees them: role, unread count, last message; latest activity first.
import * as z from "zod";
import { readUsers, requireProfile, toUser } from "../accounts/profiles.ts";
import type { Core } from "../core.ts";
import { notFound, Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import { type Member, toMessage } from "../log/event.ts";
import { type Head, toRoom } from "../log/head.ts";
import { countSent } from "../log/sent.ts";
import { userOperation } from "../operation.ts";
import { listOf, type MyRoom, myRoom, page } from "../shapes.ts";
import type { Mark, Membership } from "./membership.ts";

export interface RoomHead {
  readonly room: string;
  readonly head: Head;
}

/** The rooms a user is in, latest activity first. Reads every head: 5,000 rooms take some 60 ms. */
export async function readActivity(
  core: Core,
  user: string,
): Promise<RoomHead[]> {
  const memberships = await core.store.list<Membership>(keys.memberships(user));
  const rooms = memberships.map((row) => String(row.key.at(-1)));
  return (await readHeads(core, rooms)).sort(byActivity);
}

/** Heads of the rooms that exist, in the order given. */
export async function readHeads(
  core: Core,
  rooms: readonly string[],
): Promise<RoomHead[]> {
  const heads = await core.store.getMany<Head>(rooms.map(keys.head));
  return heads.flatMap(({ value }, i) =>
    value === null || value.deleted ? [] : [{ room: rooms[i]!, head: value }]
  );
}

/** Those of the rooms that the user is in, as the user sees them, in the order given. */
export async function presentMyRooms(
  core: Core,
  user: string,
  rooms: readonly RoomHead[],
): Promise<MyRoom[]> {
  return (await readMyRooms(core, user, rooms)).map(({ mine }) => mine);
}

/** The same, each with the `seq` of the user's joining. */
export async function readMyRooms(
  core: Core,
  user: string,
  rooms: readonly RoomHead[],
): Promise<{ mine: MyRoom; joined: number }[]> {
  const { store } = core;
  const [lastRows, sentCounts] = await Promise.all([
    store.getMany<string>(
      rooms.map(({ room, head }) => keys.message(room, head.lastMessage)),
    ),
    countSent(store, rooms.map(({ room }) => ({ room, user }))),
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
    const last = lastRows[i]!.value;
    const peer = peerOf(head, user);
    if (member === null || mark === null) return [];
    const mine: MyRoom = {
      ...toRoom(room, head, core.logs.generation),
      role: member.role,
      read: mark.seq,
      unread: unreadOf(head.n, sentCounts[i]!, mark),
      ...(last === null ? {} : { lastMessage: toMessage(last) }),
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
  const [mine] = await presentMyRooms(
    core,
    user,
    await readHeads(core, [room]),
  );
  if (mine === undefined) throw notFound();
  return mine;
}

/** Messages of others since the mark: those since it, less one's own since it. */
export function unreadOf(n: number, ownNow: number, mark: Mark): number {
  return Math.max(0, n - mark.n - (ownNow - mark.own));
}

export const listRooms = userOperation({
  name: "room.list",
  summary: "My rooms, latest activity first",
  input: z.object(page),
  output: listOf(myRoom),
  async run(core, { limit = LIMITS.pageItems, cursor }, { user }) {
    const all = await readActivity(core, user);
    const after = cursor === undefined ? null : parseCursor(cursor);
    // A room that became active since the last page has left its place there: it comes first in this one.
    const moved = after === null
      ? []
      : all.filter(({ head }) => head.at > after.seenAt).reverse();
    const rest = after === null
      ? all
      : all.filter((room) =>
        room.head.at <= after.seenAt && byActivity(room, after) > 0
      );
    const shown = [...moved, ...rest].slice(0, limit);
    const last = shown.at(-1);
    const next: Cursor | null =
      last === undefined || shown.length === moved.length + rest.length
        ? null
        : shown.length <= moved.length
        ? { ...after!, seenAt: last.head.at }
        : { ...last, seenAt: all[0]!.head.at };
    return {
      items: await presentMyRooms(core, user, shown),
      nextCursor: next && formatCursor(next),
    };
  },
});

/** The last room of a page, and the time of the newest activity seen so far. */
interface Cursor {
  readonly room: string;
  readonly head: { readonly at: number };
  readonly seenAt: number;
}

function byActivity(
  a: { room: string; head: { at: number } },
  b: { room: string; head: { at: number } },
): number {
  return b.head.at - a.head.at ||
    (a.room < b.room ? -1 : a.room > b.room ? 1 : 0);
}

function formatCursor({ room, head, seenAt }: Cursor): string {
  return `${head.at}.${seenAt}.${room}`;
}

function parseCursor(cursor: string): Cursor {
  const [, at, seenAt, room] = /^(\d{1,15})\.(\d{1,15})\.(.+)$/.exec(cursor) ??
    [];
  if (room === undefined) {
    throw new Refused("invalid", "That is no cursor of this list.");
  }
  return { room, head: { at: Number(at) }, seenAt: Number(seenAt) };
}

function peerOf(head: Head, user: string): string | undefined {
  return head.pair && (head.pair[0] === user ? head.pair[1] : head.pair[0]);
}
