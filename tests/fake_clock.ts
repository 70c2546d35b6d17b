// A clock that goes only when a test says so.
import type { Clock } from "../kv/clock.ts";

const TURN_MS = 0.1;

interface Sleeper {
  readonly wakesAt: number;
  wake(): void;
}

/**
 * Both clocks start at the given wall time and go by `advance` alone. Short sleeps, the waits between two tries
 * of a commit, end by themselves in a later turn of the loop and move the clock: nothing else would advance it then.
 */
export class FakeClock implements Clock {
  #now: number;
  #elapsed = 0;
  readonly #sleepers = new Set<Sleeper>();

  constructor(
    start: number = Date.UTC(2030, 0, 1),
    private readonly shortMs = 100,
  ) {
    this.#now = start;
  }

  now(): number {
    // Whole milliseconds, as the system clock gives.
    return Math.floor(this.#now);
  }

  elapsed(): number {
    return this.#elapsed;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const sleeper: Sleeper = {
        wakesAt: this.#elapsed + ms,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener("abort", stop);
          resolve();
        },
      };
      const stop = () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", stop, { once: true });
      if (ms <= this.shortMs) queueMicrotask(() => this.#wakeShort(sleeper));
    });
  }

  /** A turn takes a little time, so that who turns until a moment is over comes to its end. */
  turn(): Promise<void> {
    this.#elapsed += TURN_MS;
    return Promise.resolve();
  }

  /** Moves both clocks and wakes whoever has slept long enough, in order. */
  async advance(ms: number): Promise<void> {
    const until = this.#elapsed + ms;
    for (;;) {
      const due = [...this.#sleepers]
        .filter((sleeper) => sleeper.wakesAt <= until)
        .sort((a, b) => a.wakesAt - b.wakesAt)[0];
      if (!due) break;
      this.#moveTo(due.wakesAt);
      due.wake();
      // Whoever woke may go to sleep again within the same span.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    this.#moveTo(until);
  }

  /** As when the process stood still for so long: whoever should have woken meanwhile does so late. */
  async freeze(ms: number): Promise<void> {
    this.#moveTo(this.#elapsed + ms);
    await this.advance(0);
  }

  /** Moves the wall clock alone, as when somebody sets it. */
  setWall(ms: number): void {
    this.#now = ms;
  }

  /** How many sleep, for tests that wait until something has gone to sleep. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  #wakeShort(sleeper: Sleeper): void {
    if (!this.#sleepers.has(sleeper)) return;
    this.#moveTo(sleeper.wakesAt);
    sleeper.wake();
  }

  #moveTo(elapsed: number): void {
    const ms = Math.max(0, elapsed - this.#elapsed);
    this.#elapsed += ms;
    this.#now += ms;
  }
}
