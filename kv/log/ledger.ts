// How a sender's rows say what was sent in a room: one small open row a sender, and full pages that are written once.
import { Buffer } from "node:buffer";

/** One message of a sender: its `seq` and its `clientId`. */
export interface Entry {
  readonly seq: number;
  readonly clientId: string;
}

/** Rows of `keys.sender` and `keys.sentPage`, as text: how many came before, then an entry a line. */
export interface Ledger {
  readonly before: number;
  readonly entries: readonly Entry[];
}

/** A page is full with so many entries. */
export const PAGE = 16;

/** What one message weighs at most in its sender's rows: its number takes the less. */
export function entryBytes(clientId: string): number {
  return Buffer.byteLength(clientId) + 32;
}

/** What is full of these entries, and what stays open. */
export function turnPages(
  before: number,
  entries: readonly Entry[],
): { open: Ledger; full: Ledger[] } {
  const full: Ledger[] = [];
  let at = 0;
  for (; entries.length - at >= PAGE; at += PAGE) {
    full.push({ before: before + at, entries: entries.slice(at, at + PAGE) });
  }
  return { open: { before: before + at, entries: entries.slice(at) }, full };
}

export function format({ before, entries }: Ledger): string {
  let text = String(before);
  for (const { seq, clientId } of entries) text += `\n${seq} ${clientId}`;
  return text;
}

export function parse(text: string): Ledger {
  // A clientId is one line without control characters.
  const [before, ...lines] = text.split("\n");
  return {
    before: Number(before),
    entries: lines.map((line) => {
      const space = line.indexOf(" ");
      return {
        seq: Number(line.slice(0, space)),
        clientId: line.slice(space + 1),
      };
    }),
  };
}
