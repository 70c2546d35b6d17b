// A user's rooms, latest activity first.
import * as z from "zod";
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import { userOperation } from "../operation.ts";
import type { RoomHead } from "../log/heads.ts";
import { countFitting } from "../page.ts";
import { listOf, myRoom, page } from "../shapes.ts";
import { readRoomsOf } from "./membership.ts";
import { presentMyRooms } from "./mine.ts";

/** Where a room stands in the list. */
interface Place {
  readonly room: string;
  readonly at: number;
}

/** What a page ended with, and the store's version that was seen by then: times may be equal, or go back. */
interface Cursor {
  readonly last: Place;
  readonly seen: string;
}

export const listRooms = userOperation({
  name: "room.list",
  summary: "My rooms, latest activity first",
  scope: "rooms",
  input: z.object(page),
  output: listOf(myRoom),
  async run(core, { limit = LIMITS.pageItems, cursor }, { user }) {
    // Every commit of a room rings: what moves after this, or is joined, has a higher version.
    const seen = (await core.store.get(keys.bell())).version ?? "";
    const all = await readActivity(core, user);
    const from = cursor === undefined ? null : parseCursor(cursor);
    // A room that became active since the last page has left its place behind it: it comes first in this one.
    const moved = from === null
      ? []
      : all.filter(({ version }) => version > from.seen)
        .sort((a, b) => a.version < b.version ? -1 : 1);
    const rest = from === null
      ? all
      : all.filter((room) =>
        room.version <= from.seen && byActivity(placeOf(room), from.last) > 0
      );
    const asked = [...moved, ...rest].slice(0, limit);
    const presented = await presentMyRooms(core, user, asked);
    const fitting = countFitting(presented);
    const cut = presented[fitting]?.id;
    const shown = cut === undefined
      ? asked
      : asked.slice(0, asked.findIndex(({ room }) => room === cut));
    return {
      items: presented.slice(0, fitting),
      nextCursor: shown.length === moved.length + rest.length
        ? null
        : formatCursor(
          shown.length <= moved.length && from !== null
            ? { last: from.last, seen: earlier(shown.at(-1)!.version, seen) }
            : { last: placeOf(shown.at(-1)!), seen },
        ),
    };
  },
});

/** The rooms a user is in, latest activity first. Reads every head that is not in memory: 5,000 take some 60 ms. */
export async function readActivity(
  core: Core,
  user: string,
): Promise<RoomHead[]> {
  const rooms = await readRoomsOf(core, user);
  return (await core.logs.heads.read(rooms))
    .sort((a, b) => byActivity(placeOf(a), placeOf(b)));
}

function placeOf({ room, head }: RoomHead): Place {
  return { room, at: head.at };
}

function byActivity(a: Place, b: Place): number {
  return b.at - a.at || (a.room < b.room ? -1 : a.room > b.room ? 1 : 0);
}

function earlier(one: string, other: string): string {
  return one < other ? one : other;
}

function formatCursor({ last, seen }: Cursor): string {
  return [last.at, last.room, seen].join("!");
}

function parseCursor(cursor: string): Cursor {
  const parts = /^(\d{1,15})!([\w-]+)!(\w*)$/.exec(cursor);
  if (parts === null) {
    throw new Refused("invalid", "That is no cursor of this list.");
  }
  const [, at, room, seen] = parts;
  return { last: { at: Number(at), room: room! }, seen: seen! };
}
