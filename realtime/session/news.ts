// What a socket is told of its user: rooms that come and go, marks, profiles, the end of the session.
import {
  isDeleted,
  isSuspended,
  readProfile,
  toMeFor,
} from "../../kv/accounts/profiles.ts";
import { forget, requireLive } from "../../kv/accounts/verify.ts";
import type { Core } from "../../kv/core.ts";
import { Refused } from "../../kv/errors.ts";
import { keys } from "../../kv/keys.ts";
import type { Ring } from "../../kv/log/feed.ts";
import type { Principal } from "../../kv/principal.ts";
import { type Mark, readRoomsOf } from "../../kv/rooms/membership.ts";
import { readJoinedRooms } from "../../kv/rooms/mine.ts";
import { removedFrame, roomFrame, userFrame } from "../frames.ts";
import type { UserFollower } from "../hub.ts";
import type { FollowedRooms } from "./followed_rooms.ts";
import type { RoomListing } from "./listing.ts";
import type { Outbox } from "./outbox.ts";

interface Deps {
  readonly core: Core;
  readonly outbox: Outbox;
  readonly rooms: FollowedRooms;
  readonly listing: RoomListing;
  report(thrown: unknown): void;
  /** The session has ended, or its user is gone or suspended. */
  sessionEnded(): void;
}

export class News implements UserFollower {
  /** Rings that came while `hello` was being answered. */
  #early: Ring[] | null = [];
  /** Rooms that are being looked at; true where something rang meanwhile. */
  readonly #looking = new Map<string, boolean>();
  #closed = false;

  constructor(private readonly deps: Deps, private readonly who: Principal) {}

  /** From now on news is passed on; what came before is caught up with. */
  open(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const ring of early) if ("user" in ring) this.rung(ring);
  }

  close(): void {
    this.#closed = true;
  }

  rung(ring: Extract<Ring, { user: string }>): void {
    if (ring.what === "session") {
      if (ring.session === this.who.session) this.deps.sessionEnded();
    } else if (this.#early) this.#early.push(ring);
    else void this.#readAgain(ring).catch(this.deps.report);
  }

  peerChanged(frame: string): void {
    if (!this.#early) this.deps.outbox.pushEphemeral(frame);
  }

  missed(): void {
    void this.#catchUp().catch(this.deps.report);
  }

  /**
   * Looks whether the user is in a room now, and tells the client what is new about that.
   * One look at a time: what it read may be older than the ring that comes meanwhile.
   */
  async lookAt(room: string): Promise<void> {
    const isLooking = this.#looking.has(room);
    this.#looking.set(room, isLooking);
    if (isLooking) return;
    try {
      do {
        this.#looking.set(room, false);
        await this.#look(room);
      } while (this.#looking.get(room));
    } finally {
      this.#looking.delete(room);
    }
  }

  async #look(room: string): Promise<void> {
    const { rooms, listing, outbox } = this.deps;
    if (this.#closed || rooms.isFollowed(room) || listing.isAhead(room)) return;
    const known = rooms.isKnown(room);
    const subscription = known ? null : rooms.register(room);
    const { user } = this.who;
    const [read] = await readJoinedRooms(this.deps.core, user, [room]).catch(
      (thrown) => {
        if (subscription) rooms.abandon(subscription);
        throw thrown;
      },
    );
    if (this.#closed || subscription?.state === "ended") return;
    if (read === undefined) {
      // Not followed, so that no log tells why.
      if (rooms.forget(room)) outbox.push(removedFrame(room, "removed"));
    } else if (subscription) {
      const { mine, joined } = read;
      outbox.push(userFrame("room.added", mine));
      rooms.start(subscription, {
        from: mine.seq,
        head: mine.seq,
        joined,
        announce: false,
      });
    }
  }

  async #readAgain(ring: Extract<Ring, { user: string }>): Promise<void> {
    if (ring.what === "membership") await this.lookAt(ring.in);
    else if (ring.what === "mark") await this.#tellMark(ring.in);
    else if (ring.what === "profile") await this.#tellProfile();
  }

  async #tellMark(room: string): Promise<void> {
    const { core, outbox } = this.deps;
    const { user } = this.who;
    const { value } = await core.store.get<Mark>(keys.mark(user, room));
    if (value === null || this.#closed) return;
    const { seq, n } = value;
    outbox.pushEphemeral(roomFrame("receipt.read", room, { user, seq, n }));
  }

  async #tellProfile(): Promise<void> {
    const { value } = await readProfile(this.deps.core.store, this.who.user);
    if (value === null || isDeleted(value) || isSuspended(value)) {
      return this.deps.sessionEnded();
    }
    if (this.#closed) return;
    this.deps.outbox.push(userFrame("user.updated", toMeFor(this.who, value)));
  }

  /** After a sleep: is the session still there, and which rooms came or went? */
  async #catchUp(): Promise<void> {
    const { core, rooms } = this.deps;
    forget(core, this.who);
    try {
      await requireLive(core, this.who);
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown;
      return this.deps.sessionEnded();
    }
    for (const room of await readRoomsOf(core, this.who.user)) {
      if (!rooms.isKnown(room)) await this.lookAt(room);
    }
  }
}
