// What a socket has once it said hello: whose it is, which rooms it follows, what it is told of its user.
import { authenticate, forget, requireLive } from "../../kv/accounts/verify.ts";
import {
  isDeleted,
  isSuspended,
  readProfile,
  toMeFor,
} from "../../kv/accounts/profiles.ts";
import { toTimestamp } from "../../kv/clock.ts";
import type { Core } from "../../kv/core.ts";
import { Refused } from "../../kv/errors.ts";
import { LIMITS } from "../../kv/limits.ts";
import type { Principal } from "../../kv/principal.ts";
import { requireAccess } from "../../kv/rooms/access.ts";
import { requireJoinedRoom } from "../../kv/rooms/mine.ts";
import type { MyRoom } from "../../kv/shapes.ts";
import { userFrame } from "../frames.ts";
import type { Shared } from "../shared.ts";
import type { SocketPort } from "../sockets/port.ts";
import { attend, leave } from "./attendance.ts";
import { type Closing, endWithSession } from "./closing.ts";
import {
  type Answer,
  type Gap,
  type Listed,
  type Places,
  TOLD_LIMITS,
  type Welcome,
} from "./shapes.ts";
import { Deadline } from "./deadline.ts";
import { FollowedRooms } from "./followed_rooms.ts";
import { RoomListing } from "./listing.ts";
import { News } from "./news.ts";
import type { Outbox } from "./outbox.ts";

/** What an entry needs of its socket's session. */
export interface Host {
  readonly shared: Shared;
  readonly port: SocketPort;
  readonly outbox: Outbox;
  /** The socket does not take what it is sent. */
  lagging(): void;
  end(closing: Closing): void;
  /** Ends it unless the session lives. Never rejects. */
  requireLive(principal: Principal): Promise<void>;
}

/** How long before its token runs out a client is told. */
const EXPIRING_MS = 60_000;

export class Entry {
  readonly #core: Core;
  readonly #rooms: FollowedRooms;
  readonly #listing: RoomListing;
  readonly #news: News;
  readonly #expiry: Deadline;
  #left = false;

  constructor(private readonly host: Host, public principal: Principal) {
    const { core, hub, follower, pages, report } = host.shared;
    const { port, outbox } = host;
    const { user } = principal;
    this.#core = core;
    this.#expiry = new Deadline(core.clock);
    this.#rooms = new FollowedRooms({
      core,
      hub,
      follower,
      pages,
      port,
      outbox,
      report,
      lagging: () => host.lagging(),
      // Removed and added again: the adding may have been seen before the removal.
      ended: (room) => void this.#news.lookAt(room).catch(report),
    }, user);
    this.#listing = new RoomListing(core, this.#rooms, user);
    this.#news = new News({
      core,
      outbox,
      rooms: this.#rooms,
      listing: this.#listing,
      report,
      sessionEnded: () => void endWithSession(host, this.principal.session),
    }, principal);
    // Before anything is read: what changes from now on is told.
    attend(hub, principal, this.#news);
  }

  async welcome(places: Places): Promise<Answer<Welcome>> {
    const { user, session } = this.principal;
    // Read again after registering: an end told before that was told to nobody here.
    forget(this.#core, this.principal);
    await requireLive(this.#core, this.principal);
    const { value } = await readProfile(this.#core.store, user);
    if (value === null || isDeleted(value) || isSuspended(value)) {
      throw new Refused("unauthenticated", "The session has ended.");
    }
    const { listed, start } = await this.#listing.first(places);
    this.#watchExpiry();
    return {
      data: {
        session,
        user: toMeFor(this.principal, value),
        heartbeatMs: LIMITS.heartbeatMs,
        limits: TOLD_LIMITS,
        ...listed,
      },
      afterwards: () => {
        start();
        this.#news.open();
      },
    };
  }

  async resume(
    cursor: string | undefined,
    places: Places,
  ): Promise<Answer<Listed>> {
    const { listed, start } = await this.#listing.next(cursor, places);
    return { data: listed, afterwards: start };
  }

  async subscribe(
    room: string,
    after: number | undefined,
  ): Promise<Answer<{ room: MyRoom; gap?: Gap }>> {
    const { user } = this.principal;
    // A refusal leaves what is followed as it is.
    await requireAccess(this.#core, "room.follow", room, user);
    const subscription = this.#rooms.register(room);
    const { mine, joined } = await requireJoinedRoom(this.#core, user, room)
      .catch((thrown) => {
        this.#rooms.abandon(subscription);
        throw thrown;
      });
    const ahead = after !== undefined && after > mine.seq;
    return {
      data: {
        room: mine,
        ...(ahead
          ? { gap: { room, reason: "ahead", have: after, head: mine.seq } }
          : {}),
      },
      afterwards: () =>
        this.#rooms.start(subscription, {
          from: after === undefined || ahead ? mine.seq : after,
          head: mine.seq,
          joined,
          announce: after !== undefined && !ahead,
        }),
    };
  }

  unsubscribe(room: string): void {
    if (this.#rooms.isKnown(room)) this.#rooms.unfollow(room);
  }

  async renew(token: string): Promise<{ expiresAt: string }> {
    const renewed = await authenticate(this.#core, token, this.principal);
    if (renewed.key) {
      throw new Refused("forbidden", "A service key is not renewed.");
    }
    if (
      renewed.user !== this.principal.user ||
      renewed.session !== this.principal.session
    ) throw new Refused("forbidden", "This socket is another session's.");
    this.principal = renewed;
    this.#watchExpiry();
    return { expiresAt: toTimestamp(renewed.expiresAt) };
  }

  /** Gone from every index. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#expiry.clear();
    this.#news.close();
    this.#rooms.close();
    leave(this.host.shared.hub, this.principal, this.#news);
  }

  #watchExpiry(): void {
    if (this.#left) return;
    const { expiresAt } = this.principal;
    const leftMs = expiresAt - this.#core.clock.now();
    this.#expiry.set(leftMs - Math.min(EXPIRING_MS, leftMs / 2), () => {
      const at = toTimestamp(expiresAt);
      this.host.outbox.push(userFrame("auth.expiring", { expiresAt: at }));
      this.#expiry.set(
        expiresAt - this.#core.clock.now(),
        () => this.host.end("token_expired"),
      );
    });
  }
}
