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
  /** Up to where the senders' rows tell what was sent (log/tail.ts); absent where they tell everything. */
  folded?: Folded;
  /** How many messages each sender has sent since. */
  unfolded?: Record<string, number>;
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

/** A place in the log: a `seq`, and how many messages there were. */
export interface Folded {
  readonly seq: number;
  readonly n: number;
}

export function foldedOf({ folded, seq, n }: Head): Folded {
  return folded ?? { seq, n };
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
