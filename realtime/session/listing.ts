// Lists a user's rooms to one socket, page by page, and starts following each room as it is listed.
import type { Core } from "../../kv/core.ts";
import { epochOf } from "../../kv/log/head.ts";
import { countFitting } from "../../kv/page.ts";
import { LIMITS } from "../../kv/limits.ts";
import { readActivity } from "../../kv/rooms/list.ts";
import { readJoinedRooms } from "../../kv/rooms/mine.ts";
import { Refused } from "../../kv/errors.ts";
import type { MyRoom } from "../../kv/shapes.ts";
import type { Subscription } from "../hub.ts";
import type { Gap, Listed, Places } from "./shapes.ts";
import type { FollowedRooms } from "./followed_rooms.ts";

/** A page with what is to be started once it was sent. */
export interface ListedPage {
  readonly listed: Listed;
  start(): void;
}

interface Starting {
  readonly subscription: Subscription;
  readonly from: number;
  readonly head: number;
  readonly joined: number;
  readonly announce: boolean;
}

/** What one array of rooms may weigh: enough for 200 ordinary ones, bounded for the others. */
const PAGE_BYTES = 512 * 1024;

export class RoomListing {
  /** As they were at `hello`: a room that moves between two pages is not lost. New ones are told by `room.added`. */
  #order: readonly string[] = [];
  #places: Places = {};
  /** How much of the order was listed. */
  #reached = 0;

  constructor(
    private readonly core: Core,
    private readonly rooms: FollowedRooms,
    private readonly user: string,
  ) {}

  async first(places: Places): Promise<ListedPage> {
    const activity = await readActivity(this.core, this.user);
    this.#order = activity.map(({ room }) => room);
    this.#places = { ...places };
    const mine = new Set(this.#order);
    const lost = Object.entries(places).flatMap(([room, { seq }]): Gap[] =>
      mine.has(room) ? [] : [{ room, reason: "left", have: seq }]
    );
    return await this.#page(0, lost);
  }

  /** The page that a cursor names; without one, what is to be resumed of rooms listed before. */
  async next(cursor: string | undefined, places: Places): Promise<ListedPage> {
    if (cursor === undefined) {
      return await this.#list(Object.keys(places), places, Infinity, [], true);
    }
    for (const room of this.#order) {
      const place = places[room];
      if (place) this.#places[room] = place;
    }
    const from = Number(cursor);
    if (!/^\d+$/.test(cursor) || from > this.#order.length) {
      throw new Refused("invalid", "That is no cursor of this list.");
    }
    return await this.#page(from, []);
  }

  /** Is the room still to be listed by a page to come? */
  isAhead(room: string): boolean {
    return this.#order.includes(room, this.#reached) &&
      !this.rooms.isKnown(room);
  }

  async #page(from: number, gaps: Gap[]): Promise<ListedPage> {
    const rooms = this.#order.slice(from, from + LIMITS.roomsPerHello);
    const page = await this.#list(
      rooms,
      this.#places,
      PAGE_BYTES,
      gaps,
      false,
    );
    const next = from + page.taken;
    this.#reached = Math.max(this.#reached, next);
    if (next >= this.#order.length) return page;
    return { ...page, listed: { ...page.listed, nextCursor: String(next) } };
  }

  /**
   * Registers each room, then reads it: a removal in between ends the registration.
   * A room that is live already stays so, unless it is to be resumed `again`.
   */
  async #list(
    rooms: readonly string[],
    places: Places,
    bytes: number,
    gaps: Gap[],
    again: boolean,
  ): Promise<ListedPage & { taken: number }> {
    const subscriptions = new Map(
      rooms.filter((room) => again || !this.rooms.isFollowed(room))
        .map((room) => [room, this.rooms.register(room)]),
    );
    const read = await readJoinedRooms(this.core, this.user, rooms).catch(
      (thrown) => {
        for (const subscription of subscriptions.values()) {
          this.rooms.abandon(subscription);
        }
        throw thrown;
      },
    );
    const fitting = read.slice(0, countFitting(read, bytes));
    const cut = read.slice(fitting.length).map(({ mine }) => mine.id);

    const shown = new Set(fitting.map(({ mine }) => mine.id));
    for (const room of subscriptions.keys()) {
      if (shown.has(room)) continue;
      this.rooms.forget(room);
      const place = places[room];
      if (place && !cut.includes(room)) {
        gaps.push({ room, reason: "left", have: place.seq });
      }
    }
    const resumed: string[] = [];
    const starting = fitting.flatMap(({ mine, joined }): Starting[] => {
      const subscription = subscriptions.get(mine.id);
      if (subscription === undefined) return [];
      const place = places[mine.id];
      const gap = place && this.#gapOf(mine, joined, place);
      if (gap) gaps.push(gap);
      else if (place) resumed.push(mine.id);
      return [{
        subscription,
        from: place && !gap ? place.seq : mine.seq,
        head: mine.seq,
        joined,
        announce: place !== undefined && !gap,
      }];
    });
    return {
      taken: cut.length === 0 ? rooms.length : rooms.indexOf(cut[0]!),
      listed: { rooms: fitting.map(({ mine }) => mine), resumed, gaps },
      start: () => {
        for (const { subscription, ...how } of starting) {
          this.rooms.start(subscription, how);
        }
      },
    };
  }

  /** What can't be replayed is said: never skipped. */
  #gapOf(
    room: MyRoom,
    joined: number,
    { epoch, seq }: Places[string],
  ): Gap | null {
    const reason = epoch !== epochOf(room.id, this.core.logs.generation)
      ? "epoch"
      : seq > room.seq
      ? "ahead"
      : joined > seq
      ? "left"
      : null;
    return reason && { room: room.id, reason, have: seq, head: room.seq };
  }
}
