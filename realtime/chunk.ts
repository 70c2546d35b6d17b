// Frames that belong together, and how they are put into packets: each by itself, or in array frames.
import { Buffer } from "node:buffer";
import { LIMITS } from "../kv/limits.ts";
import type { Packet } from "./sockets/port.ts";

/**
 * Consecutive events of one room, from number `first` to `last`, as the frames that show them.
 * Made once for all sockets: so is each of its two encodings, when the first socket needs it.
 */
export class Chunk {
  /** About how many bytes it is: exact for ASCII. */
  readonly size: number;
  #single: readonly Packet[] | null = null;
  #batched: readonly Packet[] | null = null;

  constructor(
    readonly room: string,
    readonly first: number,
    readonly last: number,
    readonly frames: readonly string[],
  ) {
    this.size = frames.reduce((sum, frame) => sum + frame.length, 0);
  }

  /** Each frame by itself, all in one packet. */
  single(): readonly Packet[] {
    return this.#single ??= [{ texts: this.frames }];
  }

  /** Array frames, each a packet of its own. */
  batched(): readonly Packet[] {
    // A lone frame looks the same both ways: then there is one encoding.
    if (this.frames.length === 1) return this.single();
    return this.#batched ??= arrayFrames(this.frames).map((text) => ({
      texts: [text],
    }));
  }
}

/**
 * Puts frames into arrays of at most `LIMITS.batchFrames` frames and `LIMITS.batchBytes` bytes each,
 * unless one frame alone is larger. A frame that is alone stays an object.
 */
export function arrayFrames(frames: readonly string[]): string[] {
  const arrays: string[] = [];
  let start = 0;
  let bytes = 0;
  const cut = (end: number) => {
    if (end > start) {
      arrays.push(
        end - start === 1
          ? frames[start]!
          : `[${frames.slice(start, end).join(",")}]`,
      );
    }
    start = end;
    bytes = 0;
  };
  frames.forEach((frame, index) => {
    // One more for the comma or bracket after it; the bracket before the first is counted below.
    const size = Buffer.byteLength(frame) + 1;
    if (
      1 + bytes + size > LIMITS.batchBytes ||
      index - start === LIMITS.batchFrames
    ) {
      cut(index);
    }
    bytes += size;
  });
  cut(frames.length);
  return arrays;
}

/** How many of the frames have about `bytes` bytes together, exact for ASCII; one at least, where there is any. */
export function countWithin(bytes: number, frames: readonly string[]): number {
  let size = 0;
  const over = frames.findIndex((frame) => (size += frame.length) > bytes);
  return over < 0 ? frames.length : Math.max(1, over);
}
