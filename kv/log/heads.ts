// Rooms' heads and last messages as they are now, kept in memory as long as nobody has changed the room.
import type { Clock } from "../clock.ts";
import { keys } from "../keys.ts";
import type { Message } from "../shapes.ts";
import type { Store } from "../store.ts";
import { toMessage } from "./event.ts";
import type { Ring } from "./feed.ts";
import type { Head } from "./head.ts";
import { type Keeper, Lookout } from "./lookout.ts";

/** A room that exists. */
export interface RoomHead {
  readonly room: string;
  readonly head: Head;
  /** The head's: moves with every change of the room. */
  readonly version: string;
}

interface Kept {
  /** Null while it is being read: where the room changes meanwhile, that is not kept. */
  found: RoomHead | null;
  last?: Message | null;
  bytes: number;
}

/** So few are read as fast as it is seen whether they are still the same. */
const FEW = 3;
const KEPT_BYTES = 16 * 1024 * 1024;
/** What goes at once where there is no more room: in a Map, what was deleted is in the way of finding the oldest. */
const GOING = 1 / 16;
/** About what a head takes besides its texts, each sender whom it counts, a message besides its frame, a character. */
const HEAD_BYTES = 1000;
const SENDER_BYTES = 150;
const MESSAGE_BYTES = 500;
const CHARACTER_BYTES = 2;

export class Heads implements Keeper {
  /** In the order in which they were read, which is the order in which they go. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;
  readonly #lookout: Lookout;

  /** @param keptBytes for tests, in which rooms are few */
  constructor(
    private readonly store: Store,
    clock: Clock,
    private readonly keptBytes = KEPT_BYTES,
  ) {
    this.#lookout = new Lookout(store, clock, this);
  }

  /** Those of the rooms that exist, in the order given. None is older than the call. */
  async read(rooms: readonly string[]): Promise<RoomHead[]> {
    const found = rooms.length > FEW
      ? await this.#readKept(rooms)
      : await this.#readRows(rooms);
    return found.filter((room) => room !== null)
      .filter(({ head }) => !head.deleted);
  }

  /** The rooms' last messages, null where there is none. None is older than the head. */
  async readLast(rooms: readonly RoomHead[]): Promise<(Message | null)[]> {
    const known = rooms.map((room) => this.#keptOf(room)?.last);
    const unknown = rooms.filter((_, i) => known[i] === undefined);
    const rows = await this.store.getMany<string>(
      unknown.map(({ room, head }) => keys.message(room, head.lastMessage)),
    );
    const read = unknown.map((room, i) => this.#keepLast(room, rows[i]!.value))
      .values();
    return known.map((last) => last === undefined ? read.next().value! : last);
  }

  rang(ring: Ring, version: string): void {
    if (!("room" in ring)) return;
    const kept = this.#kept.get(ring.room);
    if (kept && (kept.found?.version ?? "") < version) {
      this.#drop(ring.room, kept);
    }
  }

  missed(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }

  async #readKept(rooms: readonly string[]): Promise<(RoomHead | null)[]> {
    await this.#lookout.look();
    const kept = rooms.map((room) => this.#kept.get(room)?.found ?? null);
    const unknown = rooms.filter((_, i) => kept[i] === null);
    if (unknown.length === 0) return kept;
    const read = (await this.#readAndKeep(unknown)).values();
    return kept.map((found) => found ?? read.next().value!);
  }

  async #readAndKeep(rooms: readonly string[]): Promise<(RoomHead | null)[]> {
    const places = rooms.map((room) => {
      const place: Kept = { found: null, bytes: 0 };
      this.#kept.set(room, place);
      return place;
    });
    const found = await this.#readRows(rooms).catch((thrown) => {
      this.missed();
      throw thrown;
    });
    for (const [i, place] of places.entries()) {
      if (this.#kept.get(rooms[i]!) !== place) continue;
      const one = place.found = found[i]!;
      if (one === null) this.#drop(rooms[i]!, place);
      else this.#weigh(place, weightOf(one.head));
    }
    return found;
  }

  async #readRows(rooms: readonly string[]): Promise<(RoomHead | null)[]> {
    const rows = await this.store.getMany<Head>(rooms.map(keys.head));
    return rows.map(({ value, version }, i) =>
      value === null || version === null
        ? null
        : { room: rooms[i]!, head: value, version }
    );
  }

  /** Keeps it unless the room changed while it was read. */
  #keepLast(room: RoomHead, frame: string | null): Message | null {
    const last = frame === null ? null : toMessage(frame);
    const kept = this.#keptOf(room);
    if (kept && kept.last === undefined) {
      kept.last = last;
      this.#weigh(
        kept,
        MESSAGE_BYTES + CHARACTER_BYTES * (frame?.length ?? 0),
      );
    }
    return last;
  }

  #keptOf(room: RoomHead): Kept | undefined {
    const kept = this.#kept.get(room.room);
    return kept?.found === room ? kept : undefined;
  }

  #weigh(kept: Kept, bytes: number): void {
    kept.bytes += bytes;
    this.#bytes += bytes;
    if (this.#bytes <= this.keptBytes) return;
    for (const [room, oldest] of this.#kept) {
      this.#drop(room, oldest);
      if (this.#bytes <= this.keptBytes * (1 - GOING)) return;
    }
  }

  #drop(room: string, kept: Kept): void {
    this.#kept.delete(room);
    this.#bytes -= kept.bytes;
  }
}

/** In memory: a name and what is told of a room may be long, and any number of people may have spoken. */
function weightOf({ name = "", description = "", unfolded = {} }: Head) {
  return HEAD_BYTES + CHARACTER_BYTES * (name.length + description.length) +
    SENDER_BYTES * Object.keys(unfolded).length;
}
