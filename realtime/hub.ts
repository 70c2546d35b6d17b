// Who follows what in this isolate: rooms with their followers, users with their sockets.
import type { Ring } from "../kv/log/feed.ts";
import type { Chunk } from "./chunk.ts";

/** Why a room is no longer followed; `left` and `removed` by the user's membership ending. */
export type RemovalReason = "left" | "removed" | "deleted";

/** What a socket's session does about a room it follows. */
export interface RoomFollower {
  readonly user: string;
  /** The room's next events, for a live subscription only. Must not throw. */
  deliver(subscription: Subscription, chunk: Chunk): void;
  /** The room has moved on: a subscription that is behind may read on. */
  advanced(subscription: Subscription): void;
  /** The user may not read the room any more; the subscription has ended. */
  removed(subscription: Subscription, reason: RemovalReason): void;
}

/** What a socket's session does about its user. */
export interface UserFollower {
  /** Something of the user changed: read it again. Must not throw. */
  rung(ring: Extract<Ring, { user: string }>): void;
  /** Another user, with whom a room is shared, changed their profile. */
  peerChanged(frame: string): void;
  /** News may have been missed: read everything again. */
  missed(): void;
}

/**
 * One socket's following of one room. `pending` until membership was read, then `behind` while it reads
 * the log itself from `cursor`, then `live`: the hub's cursor is its own.
 */
export interface Subscription {
  readonly room: string;
  readonly follower: RoomFollower;
  state: "pending" | "behind" | "live" | "ended";
  /** The last `seq` that was handed to the socket; kept up to date only while behind. */
  cursor: number;
  /** The `seq` of the joining on which it rests: an earlier leaving does not end it. */
  joined: number;
}

/** A room that somebody here follows. */
export interface Topic {
  readonly room: string;
  /** The last `seq` that was delivered; null until the head was read. */
  cursor: number | null;
  /** The highest `seq` heard of. */
  target: number;
  readonly followers: Map<string, Set<Subscription>>;
}

export class Hub {
  readonly #topics = new Map<string, Topic>();
  readonly #users = new Map<string, Set<UserFollower>>();

  get sockets(): number {
    let count = 0;
    for (const followers of this.#users.values()) count += followers.size;
    return count;
  }

  topic(room: string): Topic | undefined {
    return this.#topics.get(room);
  }

  topics(): Iterable<Topic> {
    return this.#topics.values();
  }

  /**
   * Registers before anything is read, so that a removal from now on ends the subscription:
   * read membership and head next, then call `Follower.begin`.
   */
  follow(room: string, follower: RoomFollower): Subscription {
    let topic = this.#topics.get(room);
    if (!topic) {
      topic = { room, cursor: null, target: 0, followers: new Map() };
      this.#topics.set(room, topic);
    }
    const subscription: Subscription = {
      room,
      follower,
      state: "pending",
      cursor: 0,
      joined: 0,
    };
    let own = topic.followers.get(follower.user);
    if (!own) topic.followers.set(follower.user, own = new Set());
    own.add(subscription);
    return subscription;
  }

  unfollow(subscription: Subscription): void {
    subscription.state = "ended";
    const { room, follower } = subscription;
    const topic = this.#topics.get(room);
    const own = topic?.followers.get(follower.user);
    if (!topic || !own?.delete(subscription)) return;
    if (own.size === 0) topic.followers.delete(follower.user);
    if (topic.followers.size === 0) this.#topics.delete(room);
  }

  attend(user: string, follower: UserFollower): void {
    let own = this.#users.get(user);
    if (!own) this.#users.set(user, own = new Set());
    own.add(follower);
  }

  leave(user: string, follower: UserFollower): void {
    const own = this.#users.get(user);
    own?.delete(follower);
    if (own?.size === 0) this.#users.delete(user);
  }

  /** The sessions of a user's open sockets. */
  of(user: string): ReadonlySet<UserFollower> {
    return this.#users.get(user) ?? NONE;
  }

  users(): Iterable<ReadonlySet<UserFollower>> {
    return this.#users.values();
  }

  /** Whoever follows any of the rooms, each user once. */
  followersOf(rooms: Iterable<string>): Set<string> {
    const users = new Set<string>();
    for (const room of rooms) {
      for (const user of this.#topics.get(room)?.followers.keys() ?? []) {
        users.add(user);
      }
    }
    return users;
  }
}

const NONE: ReadonlySet<UserFollower> = new Set();
