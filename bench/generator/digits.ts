// Whole numbers in what is sent and read, where parsing all of it would cost too much.
import type { Buffer } from "node:buffer";

/** The number whose digits begin at a place; 0 where there are none. */
export function readDigits(text: string, at: number): number {
  let number = 0;
  for (;;) {
    const digit = text.charCodeAt(at++) - 48;
    if (!(digit >= 0 && digit <= 9)) return number;
    number = number * 10 + digit;
  }
}

/** Writes so many digits, the first of which may be zeros. */
export function writeDigits(
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
