// A server's text frames as bytes (RFC 6455, 5.2). They carry no mask, so one buffer serves every socket.
import { Buffer } from "node:buffer";

const FINAL_TEXT = 0x81;
const LENGTH_IN_2_BYTES = 126;
const LENGTH_IN_8_BYTES = 127;

/** Each text as one frame, one after another in one buffer. */
export function frameTexts(texts: readonly string[]): Uint8Array {
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const size = lengths.reduce(
    (sum, length) => sum + headerSize(length) + length,
    0,
  );
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  texts.forEach((text, index) => {
    at = writeHeader(bytes, at, lengths[index]!);
    at += bytes.write(text, at);
  });
  return bytes;
}

function headerSize(length: number): number {
  return length < LENGTH_IN_2_BYTES ? 2 : length <= 0xffff ? 4 : 10;
}

/** @returns where the payload begins */
function writeHeader(bytes: Buffer, at: number, length: number): number {
  bytes[at] = FINAL_TEXT;
  if (length < LENGTH_IN_2_BYTES) {
    bytes[at + 1] = length;
    return at + 2;
  }
  if (length <= 0xffff) {
    bytes[at + 1] = LENGTH_IN_2_BYTES;
    return bytes.writeUInt16BE(length, at + 2);
  }
  bytes[at + 1] = LENGTH_IN_8_BYTES;
  return bytes.writeBigUInt64BE(BigInt(length), at + 2);
}
