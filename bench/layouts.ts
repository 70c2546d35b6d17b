// The databases that several works share.
import type { Layout } from "./layout.ts";

/** One room with everybody in it. */
export function oneRoom(members: number): Layout {
  return {
    name: `room-of-${members}`,
    users: members,
    rooms: [{ count: 1, members }],
  };
}
