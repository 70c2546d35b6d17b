// How values lie in the store: text, or JSON, in UTF-8. Any version of Deno reads that, and any other program.
import { Buffer } from "node:buffer";

/** Begins a value that is text itself. No JSON of what is not a text begins so. */
const TEXT = 0x22;

/** The bytes of a value: a text as it is, everything else as JSON. It must be what JSON can hold. */
export function encodeValue(value: unknown): Uint8Array<ArrayBuffer> {
  if (typeof value !== "string") return Buffer.from(JSON.stringify(value));
  const bytes = Buffer.allocUnsafeSlow(1 + Buffer.byteLength(value));
  bytes[0] = TEXT;
  bytes.write(value, 1);
  return bytes;
}

/** The value of such bytes. What is no bytes was stored in another way, and is what it is. */
export function decodeValue(stored: unknown): unknown {
  if (!(stored instanceof Uint8Array)) return stored;
  const { buffer, byteOffset, length } = stored;
  const bytes = Buffer.from(buffer, byteOffset, length);
  return bytes[0] === TEXT
    ? bytes.toString("utf8", 1)
    : JSON.parse(bytes.toString());
}

/** How many bytes it takes. */
export function weightOf(value: unknown): number {
  return typeof value === "string"
    ? 1 + Buffer.byteLength(value)
    : Buffer.byteLength(JSON.stringify(value));
}
