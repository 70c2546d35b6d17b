// Keys out of the installation's SECRET, one for each purpose, and comparing without telling by time.
import { hkdfSync, timingSafeEqual } from "node:crypto";

/** 32 bytes that depend on `secret` and `purpose` alone, so that one purpose's key says nothing about another's. */
export function deriveKey(
  secret: Uint8Array,
  purpose: string,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    hkdfSync("sha256", secret, new Uint8Array(0), `kvorum ${purpose}`, 32),
  );
}

/** Equal or not, in a time that depends on the length only. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
