// Waiting that ends: what never comes fails its test and says what it waited for, instead of holding up all the others.

/** So long nothing takes here, on any machine: this is a guard and measures nothing. */
const PATIENCE_MS = 60_000;

/** What was awaited, or an error that says what was not to be had. */
export async function inTime<T>(
  awaited: Promise<T>,
  what: () => string,
  patienceMs: number = PATIENCE_MS,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`Waited in vain for ${what()}`)),
    patienceMs,
  );
  try {
    return await Promise.race([awaited, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
