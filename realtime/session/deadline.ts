// One thing that is due at some time, unless it is put off or called off before.
import type { Clock } from "../../kv/clock.ts";

const LONGEST_MS = 2 ** 31 - 1;
/** Given as the reason, for without one an error is made each time. */
const CALLED_OFF = "called off";

export class Deadline {
  #waiting: AbortController | null = null;

  /** @param clock where it stands still, what is due waits as long */
  constructor(private readonly clock: Pick<Clock, "elapsed" | "sleep">) {}

  /** Runs the task in `ms`; what was due before is called off. */
  set(ms: number, task: () => void): void {
    this.clear();
    const waiting = this.#waiting = new AbortController();
    this.#sleep(ms, waiting.signal).then(task, () => {});
  }

  get isSet(): boolean {
    return this.#waiting !== null;
  }

  clear(): void {
    this.#waiting?.abort(CALLED_OFF);
    this.#waiting = null;
  }

  /** In several parts where it is long, or for ever: timers count in 32 bits. */
  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const until = this.clock.elapsed() + ms;
    let left = ms;
    do {
      await this.clock.sleep(Math.min(left, LONGEST_MS), signal);
      left = until - this.clock.elapsed();
    } while (left > 0);
  }
}
