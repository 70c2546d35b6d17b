// Whether this process was there to listen: a clock that stands still while it sleeps, is blocked or falls behind.
import type { Clock } from "../../kv/clock.ts";

/** How often it is to be ticked. */
export const TICK_MS = 1_000;
/** Who comes later than that was kept from coming. */
const LATE_MS = 100;

export class Attention implements Pick<Clock, "elapsed" | "sleep"> {
  #tickedAt: number;
  #missedMs = 0;

  constructor(private readonly clock: Clock) {
    this.#tickedAt = clock.elapsed();
  }

  /** Answers how long ago the last tick was. */
  tick(): number {
    const sinceMs = this.#sinceTick();
    this.#missedMs += missedOf(sinceMs);
    this.#tickedAt += sinceMs;
    return sinceMs;
  }

  elapsed(): number {
    return this.clock.elapsed() - this.#missedMs - missedOf(this.#sinceTick());
  }

  /** After a late awakening a moment longer: what was said meanwhile is to be read first. */
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const until = this.clock.elapsed() + ms;
    await this.clock.sleep(ms, signal);
    if (this.clock.elapsed() > until + LATE_MS) {
      await this.clock.sleep(TICK_MS, signal);
    }
  }

  #sinceTick(): number {
    return this.clock.elapsed() - this.#tickedAt;
  }
}

/** However long it is until the next tick, it counts a little, so that under any load all that is due comes. */
function missedOf(sinceMs: number): number {
  return Math.max(0, sinceMs - TICK_MS - LATE_MS);
}
