// One thing that is due at some time, unless it is put off or called off before.
import type { Clock } from "../../kv/clock.ts";

export class Deadline {
  #waiting: AbortController | null = null;

  constructor(private readonly clock: Clock) {}

  /** Runs the task in `ms`; what was due before is called off. */
  set(ms: number, task: () => void): void {
    this.clear();
    const waiting = this.#waiting = new AbortController();
    // Timers count in 32 bits: what is due in a month is simply never due to a socket.
    this.clock.sleep(Math.min(ms, 2 ** 31 - 1), waiting.signal)
      .then(task, () => {});
  }

  get isSet(): boolean {
    return this.#waiting !== null;
  }

  clear(): void {
    this.#waiting?.abort();
    this.#waiting = null;
  }
}
