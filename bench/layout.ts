// What a database is seeded with, and what a run is told of it.

/** Rooms that are alike. */
export interface RoomsLayout {
  readonly count: number;
  readonly members: number;
  /** How many messages each has, by its members in turn. */
  readonly messages?: number;
}

export interface Layout {
  /** Names its place in the cache. */
  readonly name: string;
  readonly users: number;
  /** Members are dealt out: every user comes once before any comes twice. */
  readonly rooms: readonly RoomsLayout[];
}

export interface Seeded {
  /** When its tokens do, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** In base64. */
  readonly secret: string;
  /** Access tokens, by user. */
  readonly tokens: readonly string[];
  readonly rooms: readonly SeededRoom[];
}

export interface SeededRoom {
  readonly id: string;
  readonly epoch: string;
  /** The last event. */
  readonly seq: number;
  /** Of the users, by their place in `tokens`. */
  readonly members: readonly number[];
}

/** One room with everybody in it. */
export function oneRoom(members: number): Layout {
  return {
    name: `room-of-${members}`,
    users: members,
    rooms: [{ count: 1, members }],
  };
}
