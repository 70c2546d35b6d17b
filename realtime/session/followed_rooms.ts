// The rooms one socket follows: each live, or behind and reading the log at the pace that the socket takes.
import type { Core } from "../../kv/core.ts";
import { LIMITS } from "../../kv/limits.ts";
import { backOff } from "../../kv/log/commit.ts";
import type { Chunk } from "../chunk.ts";
import type { Follower } from "../follower.ts";
import { removedFrame, roomFrame } from "../frames.ts";
import type { Hub, RemovalReason, RoomFollower, Subscription } from "../hub.ts";
import type { RecentPages } from "../recent_pages.ts";
import type { SocketPort } from "../sockets/port.ts";
import type { Outbox } from "./outbox.ts";

const FIRST_PAGE = 50;
const LONGEST_PAGE = 500;
/** How many rooms' pages are read at once for one socket. */
const READERS = 4;

interface Followed {
  readonly subscription: Subscription;
  /** The client knows of the room: it must hear of its end. */
  told: boolean;
  /** Say `room.live` when it is. */
  announce: boolean;
  /** Its next page is being read or waits for a reader. */
  reading: boolean;
  /** How many rows the next page asks for: about as many as the socket may be given at once. */
  page: number;
}

interface Deps {
  readonly core: Core;
  readonly hub: Hub;
  readonly follower: Follower;
  readonly pages: RecentPages;
  readonly port: SocketPort;
  readonly outbox: Outbox;
  report(thrown: unknown): void;
  /** The socket does not take what it is sent. */
  lagging(): void;
  /** The user may have come back into a room by now. */
  ended(room: string): void;
}

export class FollowedRooms implements RoomFollower {
  /** Null: known to the client, but not followed. */
  readonly #rooms = new Map<string, Followed | null>();
  readonly #queue: Followed[] = [];
  #readers = 0;
  #closed = false;

  constructor(private readonly deps: Deps, readonly user: string) {}

  isKnown(room: string): boolean {
    return this.#rooms.has(room);
  }

  isFollowed(room: string): boolean {
    return (this.#rooms.get(room) ?? null) !== null;
  }

  /** Registers before membership and head are read; an earlier subscription to the room ends. */
  register(room: string): Subscription {
    const told = this.forget(room);
    const subscription = this.deps.hub.follow(room, this);
    // The socket went while its command was under way: nothing would ever end this subscription.
    if (this.#closed) this.deps.hub.unfollow(subscription);
    else {
      this.#rooms.set(room, {
        subscription,
        told,
        announce: false,
        reading: false,
        page: FIRST_PAGE,
      });
    }
    return subscription;
  }

  /**
   * Starts a registered subscription: events after `from` follow, after what is in the outbox now.
   * To be called once the client was told of the room; where that is no longer so, it is told the end.
   *
   * @param head the room's `seq`, read after registering
   */
  start(
    subscription: Subscription,
    { from, head, joined, announce }: {
      from: number;
      head: number;
      joined: number;
      announce: boolean;
    },
  ): void {
    const followed = this.#find(subscription);
    if (!followed) return this.#startLate(subscription.room);
    followed.told = true;
    subscription.cursor = from;
    subscription.joined = joined;
    subscription.state = "behind";
    followed.announce = announce;
    this.deps.follower.begin(subscription, head);
    this.#advance(followed);
  }

  /** The client wants no more of the room, but stays its member. */
  unfollow(room: string): void {
    this.#endOf(room);
    this.#rooms.set(room, null);
  }

  /**
   * The room is nothing to the client any more, or was never told to it.
   * @returns whether it was
   */
  forget(room: string): boolean {
    const followed = this.#rooms.get(room);
    this.#endOf(room);
    this.#rooms.delete(room);
    return followed === null || followed?.told === true;
  }

  /** A registration that could not be read. The room is looked at anew. */
  abandon(subscription: Subscription): void {
    const { room } = subscription;
    if (!this.#find(subscription)) return;
    if (this.forget(room)) this.deps.outbox.push(removedFrame(room, "removed"));
    this.deps.ended(room);
  }

  /** The socket is gone. */
  close(): void {
    this.#closed = true;
    for (const room of [...this.#rooms.keys()]) this.forget(room);
  }

  deliver(subscription: Subscription, chunk: Chunk): void {
    const { outbox } = this.deps;
    if (!outbox.lagging) return outbox.share(chunk);
    const followed = this.#find(subscription);
    if (!followed) return;
    subscription.state = "behind";
    subscription.cursor = chunk.first - 1;
    followed.announce = true;
    outbox.push(roomFrame("lag", chunk.room, { head: chunk.last }));
    this.deps.lagging();
    this.#advance(followed);
  }

  advanced(subscription: Subscription): void {
    const followed = this.#find(subscription);
    if (followed) this.#advance(followed);
  }

  removed(subscription: Subscription, reason: RemovalReason): void {
    const followed = this.#find(subscription);
    if (!followed) return;
    const { room } = subscription;
    this.#rooms.delete(room);
    if (followed.told) this.deps.outbox.push(removedFrame(room, reason));
    if (reason !== "deleted") this.deps.ended(room);
  }

  #find(subscription: Subscription): Followed | null {
    const followed = this.#rooms.get(subscription.room);
    return followed?.subscription === subscription ? followed : null;
  }

  /** The subscription ended while the room was being read: what the client was just told is out of date. */
  #startLate(room: string): void {
    const since = this.#rooms.get(room);
    if (since) since.told = true;
    if (since !== undefined || this.#closed) return;
    this.deps.outbox.push(removedFrame(room, "removed"));
    this.deps.ended(room);
  }

  #endOf(room: string): void {
    const followed = this.#rooms.get(room);
    if (followed) this.deps.hub.unfollow(followed.subscription);
  }

  /** Goes live where nothing is missing, in the turn in which that is seen; else has the next page read. */
  #advance(followed: Followed): void {
    const { subscription } = followed;
    const cursor = this.deps.hub.topic(subscription.room)?.cursor ?? null;
    if (subscription.state !== "behind" || cursor === null) return;
    // Ahead of the hub: it will call when it has moved on.
    if (followed.reading || subscription.cursor > cursor) return;
    if (subscription.cursor === cursor) {
      subscription.state = "live";
      if (!followed.announce) return;
      followed.announce = false;
      this.deps.outbox.push(
        roomFrame("room.live", subscription.room, { seq: cursor }),
      );
      return;
    }
    followed.reading = true;
    this.#queue.push(followed);
    if (this.#readers < READERS) void this.#read();
  }

  async #read(): Promise<void> {
    const { port, outbox } = this.deps;
    this.#readers++;
    let failures = 0;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      try {
        // What waits for the end of the turn is not yet counted there.
        if (outbox.backlog > LIMITS.shedBytes) outbox.flush();
        await port.whenDrained(LIMITS.shedBytes);
        if (await this.#readPage(next)) failures = 0;
        else await backOff(this.deps.core.clock, failures++);
      } catch (thrown) {
        this.deps.report(thrown);
        await backOff(this.deps.core.clock, failures++);
      }
      next.reading = false;
      this.#advance(next);
    }
    this.#readers--;
  }

  /**
   * Never past the hub's cursor: up to there every end of a membership has taken effect.
   * False where nothing was there to read, as when a deleted room's rows are gone before its end is heard of.
   */
  async #readPage(followed: Followed): Promise<boolean> {
    const { hub, pages, outbox } = this.deps;
    const { subscription, page: limit } = followed;
    const { room, cursor: after } = subscription;
    const until = hub.topic(room)?.cursor ?? after;
    if (subscription.state !== "behind" || until <= after) return true;
    const { chunk, cut } = await pages.read(room, { after, until, limit });
    if (chunk === null) return false;
    // Ended meanwhile; the compiler remembers the state from before the wait.
    if ((subscription.state as string) !== "behind") return true;
    outbox.share(chunk);
    subscription.cursor = chunk.last;
    followed.page = cut
      ? chunk.frames.length
      : Math.min(2 * limit, LONGEST_PAGE);
    return true;
  }
}
