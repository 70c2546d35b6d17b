// A message as a masked frame that is made once: only its number and its time are written anew.
import type { Buffer } from "node:buffer";
import { textFrame } from "./frames.ts";

const TEXT_BYTES = 200;
const ID_DIGITS = 8;
const STAMP_DIGITS = 12;
/** A stamp counts microseconds. */
const STAMPS_PER_MS = 1000;

/** As long as the ULIDs that clients make, of which the number is a part. */
const CLIENT_ID_PREFIX = "01J00000000000000B";

const BLANK_ID = "0".repeat(ID_DIGITS);
const STAMP = "@" + "0".repeat(STAMP_DIGITS);

export class Envelope {
  readonly #frame: Buffer;
  readonly #places: readonly number[];
  readonly #stampAt: number;

  constructor(room: string) {
    const text = `${STAMP} `.padEnd(TEXT_BYTES, "x");
    const clientId = CLIENT_ID_PREFIX + BLANK_ID;
    const before = `{"type":"message.send","id":"`;
    const between =
      `${BLANK_ID}","data":{"room":"${room}","clientId":"${clientId}","text":"`;
    const payload = `${before}${between}${text}"}}`;
    this.#frame = textFrame(payload);
    const start = this.#frame.length - payload.length;
    const clientIdEnd = start + before.length + between.length -
      `","text":"`.length;
    this.#places = [start + before.length, clientIdEnd - ID_DIGITS];
    this.#stampAt = start + before.length + between.length + 1;
  }

  /** The frame with this number, in `id` and `clientId`, and this time; the same bytes each time. */
  write(id: number, at: number): Buffer {
    for (const place of this.#places) {
      writeDigits(this.#frame, place, id, ID_DIGITS);
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

function writeDigits(
  bytes: Buffer,
  at: number,
  number: number,
  count: number,
): void {
  for (let place = at + count - 1; place >= at; place--) {
    bytes[place] = 48 + number % 10;
    number = Math.floor(number / 10);
  }
}
