// Opaque cursors of lists that follow key order: the key at which the next page starts.
import { Refused } from "./errors.ts";
import type { Key } from "./store.ts";

/** Null where there is no next page. */
export function toKeyCursor(prefix: Key, next: Key | undefined): string | null {
  if (next === undefined) return null;
  const bytes = new TextEncoder().encode(
    JSON.stringify(next.slice(prefix.length)),
  );
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** @throws Refused `invalid` for anything that is no cursor */
export function parseKeyCursor(prefix: Key, cursor: string): Key {
  try {
    const bytes = Uint8Array.fromBase64(cursor, { alphabet: "base64url" });
    const rest: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (
      Array.isArray(rest) && rest.length > 0 && rest.length <= 4 &&
      // No list is in order of numbers; one in the place of a text would lie behind every end.
      rest.every((part) => typeof part === "string")
    ) return [...prefix, ...rest];
  } catch {
    // Not base64, or not JSON.
  }
  throw new Refused("invalid", "That is no cursor of this list.");
}
