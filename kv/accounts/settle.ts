// Reading and deciding again: what every write of this context does after a lost race or a missing answer.
import type { Clock } from "../clock.ts";
import { Refused } from "../errors.ts";

/** An attempt's way to say that nothing is certain yet, so that it wants to read again. */
export const AGAIN = Symbol("again");

const TRIES = 20;
const LONGEST_WAIT_MS = 100;

/**
 * Runs `attempt` until it answers something else than `AGAIN`. An attempt reads what is, decides, and commits
 * under a check of what it read; so it may run any number of times, whatever became of the one before.
 * Throws `unavailable` when twenty did not settle it.
 */
export async function settle<Answer>(
  clock: Clock,
  attempt: () => Promise<Answer | typeof AGAIN>,
): Promise<Answer> {
  for (let tries = 1; tries <= TRIES; tries++) {
    const answer = await attempt();
    if (answer !== AGAIN) return answer;
    await clock.sleep(Math.random() * Math.min(2 ** tries, LONGEST_WAIT_MS));
  }
  throw new Refused("unavailable", "This did not settle; try again.", {
    retryAfterMs: 1000,
  });
}
