// Opaque ids: random, URL-safe, made before the first try of whatever they name.
import { createHash } from "node:crypto";

const ALPHABET =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// One call for many ids: asking the runtime for a few bytes at a time costs more than the bytes.
const pool = new Uint8Array(4096);
let used = pool.length;

/** `length` characters of 6 random bits each; 20 are 120 bits. */
export function randomId(length = 20): string {
  if (used + length > pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  let id = "";
  for (let i = 0; i < length; i++) id += ALPHABET[pool[used++]! & 63];
  return id;
}

/** An id that the same parts always give. */
export function derivedId(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url")
    .slice(0, 20);
}

/**
 * A message's id names its place in the room's log, so that finding it needs no index:
 * `‹seq in base 36›.‹random›`. The random part makes it unique across rooms and generations.
 */
export function messageId(seq: number, nonce: string): string {
  return `${seq.toString(36)}.${nonce}`;
}

/** The `seq` a message id points at, or null where the text is no message id. */
export function seqOfMessageId(id: string): number | null {
  const dot = id.indexOf(".");
  if (dot < 1 || dot > 11) return null;
  const seq = Number.parseInt(id.slice(0, dot), 36);
  return Number.isSafeInteger(seq) && seq > 0 &&
      seq.toString(36) === id.slice(0, dot)
    ? seq
    : null;
}

/** The two users of a direct room in the order in which their pair is stored. */
export function pairOf(a: string, b: string): [string, string] {
  return a < b ? [a, b] : [b, a];
}
