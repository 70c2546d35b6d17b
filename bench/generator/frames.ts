// WebSocket frames as a cheap client sees them (RFC 6455, 5.2): cut out of what was read, and made masked with zeros.
import { Buffer } from "node:buffer";

export const TEXT = 0x81;
export const CLOSE = 0x88;
export const PING = 0x89;
const PONG = 0x8a;

const MASKED = 0x80;
const LENGTH_IN_2_BYTES = 126;
const LENGTH_IN_8_BYTES = 127;
const LONGEST_HEADER = 10;

/** Called with a whole frame: its first byte, and where its payload lies. The bytes are valid during the call only. */
export type OnFrame = (
  first: number,
  bytes: Buffer,
  start: number,
  end: number,
) => void;

/** Cuts a stream of a server's bytes into frames, however it was split on its way. */
export class FrameCutter {
  /** A frame that has not come whole yet. */
  #kept = Buffer.alloc(0);
  #length = 0;

  constructor(private readonly onFrame: OnFrame) {}

  /** Takes what was read: `length` bytes from `at`. */
  cut(bytes: Buffer, length: number, at = 0): void {
    while (at < length) {
      if (this.#length > 0) at += this.#complete(bytes, at, length);
      else {
        const size = frameSize(bytes, at, length);
        if (size === 0 || at + size > length) {
          return this.#keep(bytes, at, length, size);
        }
        this.#tell(bytes, at, size);
        at += size;
      }
    }
  }

  #tell(bytes: Buffer, at: number, size: number): void {
    const start = at + headerSize(bytes[at + 1]!);
    this.onFrame(bytes[at]!, bytes, start, at + size);
  }

  #keep(bytes: Buffer, at: number, end: number, size: number): void {
    this.#reserve(Math.max(size, LONGEST_HEADER));
    bytes.copy(this.#kept, this.#length, at, end);
    this.#length += end - at;
  }

  /** Adds to the kept part what it lacks, and tells of the frame once it is whole. Answers how much it took. */
  #complete(bytes: Buffer, at: number, end: number): number {
    const size = frameSize(this.#kept, 0, this.#length);
    // Without a size one byte more, for it might be the header's last.
    const lacking = size === 0 ? 1 : size - this.#length;
    const taken = Math.min(lacking, end - at);
    this.#keep(bytes, at, at + taken, size);
    if (this.#length === size) {
      this.#length = 0;
      this.#tell(this.#kept, 0, size);
    }
    return taken;
  }

  #reserve(size: number): void {
    if (this.#kept.length >= size) return;
    const larger = Buffer.allocUnsafeSlow(size);
    this.#kept.copy(larger, 0, 0, this.#length);
    this.#kept = larger;
  }
}

function headerSize(second: number): number {
  return second < LENGTH_IN_2_BYTES ? 2 : second === LENGTH_IN_2_BYTES ? 4 : 10;
}

/** Of the frame at a place, header and all; 0 where not enough has come to tell. */
function frameSize(bytes: Buffer, at: number, end: number): number {
  if (end - at < 2) return 0;
  const second = bytes[at + 1]!;
  const header = headerSize(second);
  if (end - at < header) return 0;
  if (second < LENGTH_IN_2_BYTES) return header + second;
  if (second === LENGTH_IN_2_BYTES) return header + bytes.readUInt16BE(at + 2);
  if (second === LENGTH_IN_8_BYTES) {
    return header + Number(bytes.readBigUInt64BE(at + 2));
  }
  throw new Error("The server masked a frame.");
}

/** A client's text frame, of ASCII. Masked with zeros it reads as it was written, so parts of it may be rewritten. */
export function textFrame(text: string): Buffer {
  const { length } = text;
  if (length > 0xffff) throw new Error("Such a long frame is not made here.");
  const header = length < LENGTH_IN_2_BYTES
    ? [TEXT, MASKED | length]
    : [TEXT, MASKED | LENGTH_IN_2_BYTES, length >> 8, length & 0xff];
  const frame = Buffer.alloc(header.length + 4 + length);
  frame.set(header);
  frame.write(text, header.length + 4, "latin1");
  return frame;
}

/** What answers any ping: nobody asks for the payload back. */
export const PONG_FRAME: Buffer = Buffer.from([PONG, MASKED, 0, 0, 0, 0]);
