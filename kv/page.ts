// How much of a page fits into one response.
import { Buffer } from "node:buffer";
import { LIMITS } from "./limits.ts";

/** Room for what stands around the items. */
const AROUND = 2048;

/** How many of the items fit, one at least: a page may be shorter than its limit, its cursor says that there is more. */
export function countFitting(
  items: readonly unknown[],
  bytes: number = LIMITS.bodyBytes,
): number {
  let left = bytes - AROUND;
  for (const [i, item] of items.entries()) {
    left -= Buffer.byteLength(JSON.stringify(item)) + 1;
    if (left < 0) return Math.max(1, i);
  }
  return items.length;
}
