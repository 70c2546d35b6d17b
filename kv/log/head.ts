// A room's head: what the room is now. It moves with every change, so that one check of it covers all that was read.
import { toTimestamp } from "../clock.ts";
import type { Room, RoomType } from "../shapes.ts";

export interface Head {
  readonly v: 1;
  /** The commit that wrote this head: how a writer without an answer recognises its own. */
  commit: string;
  /** The last event's number. */
  seq: number;
  /** How many messages there ever were. */
  n: number;
  /** When the last event was made; never goes back. */
  at: number;
  /** The `seq` of the last message, 0 where there is none. */
  lastMessage: number;
  readonly type: RoomType;
  name?: string;
  description?: string;
  readonly createdAt: number;
  memberCount: number;
  owners: number;
  /** The two members of a direct room. */
  readonly pair?: readonly [string, string];
  /** A tombstone: nobody sees the room any more, a job clears what is left of it. */
  deleted?: true;
}

/** Names one life of a room's log: it changes when the store is restored to an older state. */
export function epochOf(room: string, generation: number): string {
  return `${room.slice(0, 8)}.${generation.toString(36)}`;
}

export function toRoom(room: string, head: Head, generation: number): Room {
  return {
    id: room,
    type: head.type,
    ...(head.name === undefined ? {} : { name: head.name }),
    ...(head.description === undefined
      ? {}
      : { description: head.description }),
    epoch: epochOf(room, generation),
    seq: head.seq,
    n: head.n,
    memberCount: head.memberCount,
    createdAt: toTimestamp(head.createdAt),
  };
}
