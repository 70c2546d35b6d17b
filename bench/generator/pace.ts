// Open loop: something is done so many times a second, whether or not what was done before is answered.

/**
 * Calls `act` with the time at which it was due, until the signal. What could not be done in time is done at once
 * afterwards and keeps its time: so whoever measures from there does not leave out what had to wait.
 */
export async function pace(
  perSecond: number,
  act: (dueAt: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const stepMs = 1000 / perSecond;
  let dueAt = performance.now() + stepMs;
  while (!signal.aborted) {
    for (const now = performance.now(); dueAt <= now; dueAt += stepMs) {
      act(dueAt);
    }
    const restMs = Math.max(0, dueAt - performance.now());
    await new Promise((resolve) => setTimeout(resolve, restMs));
  }
}
