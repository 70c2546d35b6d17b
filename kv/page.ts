// How much of a page fits into one response.
import { LIMITS } from "./limits.ts";

/** Room for what stands around the items. */
const AROUND = 2048;

const encoder = new TextEncoder();

/** How many of the items fit, one at least: a page may be shorter than its limit, its cursor says that there is more. */
export function countFitting(
  items: readonly unknown[],
  bytes: number = LIMITS.bodyBytes,
): number {
  let left = bytes - AROUND;
  for (const [i, item] of items.entries()) {
    left -= jsonBytes(item) + 1;
    if (left < 0) return Math.max(1, i);
  }
  return items.length;
}

/** The size of a value in a JSON response. */
export function jsonBytes(value: unknown): number {
  const json = JSON.stringify(value);
  // A code unit takes at most three bytes: what is short even so needs no counting.
  return json.length < 300 ? 3 * json.length : encoder.encode(json).length;
}
