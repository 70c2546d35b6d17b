// Pages of a room's history, at random places.
import type { SeededRoom } from "./layout.ts";

const PAGE = 50;
/** Of the texts alone. */
export const PAGE_BYTES = PAGE * 200;

/** The path of a full page that lies anywhere among the room's messages. */
export function pageOf({ id, seq, members }: SeededRoom): string {
  // Before its messages a room has an event for its making and one for each member.
  const first = members.length + 2;
  const before = first + PAGE +
    Math.floor(Math.random() * (seq - first - PAGE + 2));
  return `/rooms/${id}/messages?limit=${PAGE}&before=${before}`;
}
