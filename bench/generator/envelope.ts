// A message as a masked frame that is made once: only its number and its time are written anew.
import type { Buffer } from "node:buffer";
import { writeDigits } from "./digits.ts";
import { textFrame } from "./frames.ts";

const TEXT_BYTES = 200;
const NUMBER_DIGITS = 8;
const STAMP_DIGITS = 12;
/** A stamp counts microseconds. */
const STAMPS_PER_MS = 1000;

/** Stands in a payload where the number goes; nothing else there may look like it. */
export const NUMBER = "#".repeat(NUMBER_DIGITS);
const STAMP = "@".repeat(1 + STAMP_DIGITS);
/** Stands where the text goes; it begins with the time. */
export const TEXT = `${STAMP} `.padEnd(TEXT_BYTES, "x");

export class Envelope {
  readonly #frame: Buffer;
  readonly #places: readonly number[];
  readonly #stampAt: number;

  /** @param payload in which NUMBER, once or more, and TEXT are to be written anew */
  constructor(payload: string) {
    this.#frame = textFrame(payload);
    const start = this.#frame.length - payload.length;
    this.#places = [...payload.matchAll(RegExp(NUMBER, "g"))]
      .map(({ index }) => start + index);
    this.#stampAt = start + payload.indexOf(STAMP) + 1;
  }

  /** The frame with this number and this time; the same bytes each time. */
  write(number: number, at: number): Buffer {
    for (const place of this.#places) {
      writeDigits(this.#frame, place, number, NUMBER_DIGITS);
    }
    const stamp = Math.round(at * STAMPS_PER_MS);
    writeDigits(this.#frame, this.#stampAt, stamp, STAMP_DIGITS);
    return this.#frame;
  }

  /** The time, of `performance.now()`, that a stamp says. */
  static timeOf(stamp: number): number {
    return stamp / STAMPS_PER_MS;
  }
}
