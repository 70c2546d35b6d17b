// Tells on demand what has changed: whoever keeps rows in memory looks before they are used, and so uses none that
// another isolate has changed since.
import { type Clock, type Moment, momentOf, since } from "../clock.ts";
import { keys } from "../keys.ts";
import type { Store } from "../store.ts";
import { FEED_ROW_MS, type FeedRow, type Ring } from "./feed.ts";

/** What to do about rows in memory. Neither may throw. */
export interface Keeper {
  /** Something was changed by the commit of this version. */
  rang(ring: Ring, version: string): void;
  /** Anything may have been changed. */
  missed(): void;
}

/** To read more of the feed would cost more than to read again what is kept. */
const ROWS = 100;

export class Lookout {
  /** The doorbell's version up to which the keeper was told all; null before the first look. */
  #seen: string | null = null;
  #seenAt: Moment | null = null;
  #underWay: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    private readonly keeper: Keeper,
  ) {}

  /** Resolves when the keeper was told of everything that was committed before the call. One look serves all who wait. */
  look(): Promise<void> {
    return this.#next ??= this.#lookAfter(this.#underWay);
  }

  async #lookAfter(underWay: Promise<void>): Promise<void> {
    await underWay.catch(() => {});
    // Whoever comes from now on may know of what this look does not see any more.
    this.#next = null;
    await (this.#underWay = this.#look());
  }

  async #look(): Promise<void> {
    const { clock, store, keeper } = this;
    const lookingAt = momentOf(clock);
    const { version } = await store.get(keys.bell());
    if (version !== this.#seen) {
      const rows = await this.#since(this.#seen, version);
      // A feed row may be gone a little after its time: whoever slept that long cannot know what it missed.
      const slept = this.#seenAt === null ||
        since(clock, this.#seenAt) > FEED_ROW_MS / 2;
      if (rows === null || slept) keeper.missed();
      else {for (const { rings, at } of rows) {
          rings.forEach((ring) => keeper.rang(ring, at));
        }}
      this.#seen = rows?.at(-1)?.at ?? version;
    }
    this.#seenAt = lookingAt;
  }

  /** What rang after `seen`; null where the feed does not tell, or too much. */
  async #since(seen: string | null, until: string | null) {
    if (seen === null || until === null) return null;
    const rows = await this.store.list<FeedRow>(keys.feed(), {
      start: [...keys.feed(), seen],
      limit: 1 + ROWS,
    });
    const rung = rows.map(({ key, value }) => ({
      at: String(key.at(-1)),
      rings: value.rings,
    }));
    // The row that was seen last is still there: then none behind it is gone.
    return rung[0]?.at === seen && rung.at(-1)!.at >= until
      ? rung.slice(1)
      : null;
  }
}
