// Time as a parameter: the wall clock for what people see, the monotonic one for deadlines.
import { setImmediate } from "node:timers";

export interface Clock {
  /** Wall time in milliseconds since 1970. */
  now(): number;
  /** Milliseconds since some start; never goes back. */
  elapsed(): number;
  /** Resolves after `ms`, or rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Resolves when what the event loop has at hand was dealt with; in an idle loop at once. */
  turn(): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
      }, ms);
      signal?.addEventListener("abort", stop, { once: true });
    }),
  turn: () => new Promise((resolve) => setImmediate(resolve)),
};

/** A moment by both clocks. */
export interface Moment {
  readonly now: number;
  readonly elapsed: number;
}

export function momentOf(clock: Clock): Moment {
  return { now: clock.now(), elapsed: clock.elapsed() };
}

/** How many milliseconds ago it was, by the clock that says more: the monotonic one sleeps where the machine does. */
export function since(clock: Clock, { now, elapsed }: Moment): number {
  return Math.max(clock.now() - now, clock.elapsed() - elapsed);
}

/** RFC 3339 in UTC with milliseconds, as every time on the wire. */
export function toTimestamp(ms: number): string {
  return new Date(ms).toISOString();
}
