// When a room's writer begins its next commit: at once where nobody else speaks, a moment later where many do.
import type { Clock } from "../clock.ts";

/** The longest that is waited. */
const MOMENT_MS = 1;
/** So much of what came lately is enough to begin with. */
const ENOUGH = 0.9;

/**
 * People who wait for their answer before they speak again come back one by one when they all get it at once.
 * A commit begun with the first of them would make the others wait for the next: two commits for one round of talk,
 * and two frames to everybody.
 */
export class Gathering {
  /** How many changes a commit took lately. */
  #lately = 1;

  constructor(private readonly clock: Clock) {}

  /** Waits until about as many wait as lately, or a moment is over. */
  async gather(waiting: () => number): Promise<void> {
    // Two who came together by chance are waited for by neither.
    const enough = Math.floor(ENOUGH * this.#lately);
    const until = this.clock.elapsed() + MOMENT_MS;
    while (waiting() < enough && this.clock.elapsed() < until) {
      await this.clock.turn();
    }
    // Forgotten by halves, so that a pause costs a few moments and no more.
    this.#lately = Math.max(waiting(), this.#lately / 2);
  }
}
