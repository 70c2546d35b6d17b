// The end of a room's log that its senders' rows don't tell of yet. They are brought up now and then, many
// messages in one go, for a row of every sender in every commit would be most of what a commit writes.
import { keys } from "../keys.ts";
import type { Mutation, Store } from "../store.ts";
import { type LogRow, toMessage } from "./event.ts";
import { type Folded, foldedOf, type Head } from "./head.ts";
import { entryBytes, type Sender } from "./sent.ts";

/** A message whose sender's row does not have it yet. */
export interface TailEntry {
  readonly seq: number;
  readonly n: number;
  readonly sender: string;
  readonly clientId: string;
}

/**
 * When the senders' rows are brought up: they are worth writing for some messages of each sender, but a tail must
 * stay short enough to be read by whoever opens the room, and its senders few enough to be counted in the head.
 */
export interface Due {
  readonly perSender: number;
  readonly fewest: number;
  readonly most: number;
  readonly senders: number;
}

export const DUE: Due = {
  perSender: 16,
  fewest: 64,
  most: 2048,
  senders: 300,
};
/** How much of a commit it may take. */
const SHARE = { rows: 440, bytes: 320 * 1024 };

/** What brings the senders' rows up to a later place, as part of a commit. */
export interface Fold {
  readonly folded: Folded;
  /** What is left for later. */
  readonly unfolded: Readonly<Record<string, number>>;
  readonly rows: readonly Mutation[];
  readonly bytes: number;
}

/** Reads the tail of the log that belongs to a head. */
export async function readTail(
  store: Store,
  room: string,
  head: Head,
): Promise<TailEntry[]> {
  const { seq, n } = foldedOf(head);
  if (n === head.n) return [];
  const rows = await store.list<string>(keys.messages(room), {
    start: keys.message(room, seq + 1),
    end: keys.message(room, head.seq + 1),
  });
  return rows.map(({ value }) => toEntry(toMessage(value)));
}

/** The messages among rows of the log. */
export function entriesOf(rows: readonly LogRow[]): TailEntry[] {
  return rows.flatMap((row) =>
    "frame" in row ? [toEntry(row.message ?? toMessage(row.frame))] : []
  );
}

function toEntry({ seq, n, sender, clientId }: TailEntry): TailEntry {
  return { seq, n, sender, clientId };
}

/** Whether the senders' rows should be brought up with the next commit. */
export function isDue(head: Head, due: Due): boolean {
  const messages = head.n - foldedOf(head).n;
  if (messages < due.fewest) return false;
  const senders = Object.keys(head.unfolded ?? {}).length;
  return senders >= due.senders ||
    messages >= Math.min(due.perSender * senders, due.most);
}

/** As much of the tail as fits into a commit, from its beginning. Everybody in it must have been met. */
export function fold(
  room: string,
  tail: readonly TailEntry[],
  senders: ReadonlyMap<string, Sender>,
): Fold {
  const bySender = new Map<string, TailEntry[]>();
  const size = { rows: 0, bytes: 0 };
  let taken = 0;
  for (const entry of tail) {
    const own = bySender.get(entry.sender);
    const sender = senders.get(entry.sender)!;
    // The open row once, and a page where it is the last one of it.
    const rows = (own ? 0 : 1) +
      (sender.fillsPage((own?.length ?? 0) + 1) ? 1 : 0);
    const bytes = entryBytes(entry.clientId) + (own ? 0 : sender.openBytes);
    if (
      size.rows + rows > SHARE.rows || size.bytes + bytes > SHARE.bytes
    ) break;
    size.rows += rows;
    size.bytes += bytes;
    if (own) own.push(entry);
    else bySender.set(entry.sender, [entry]);
    taken++;
  }
  const { seq, n } = tail[taken - 1]!;
  const unfolded: Record<string, number> = {};
  for (const { sender } of tail.slice(taken)) {
    unfolded[sender] = (unfolded[sender] ?? 0) + 1;
  }
  const rows: Mutation[] = [];
  for (const [user, entries] of bySender) {
    const { open, pages } = senders.get(user)!.with(entries);
    rows.push({ key: keys.sender(room, user), value: open });
    for (const { last, value } of pages) {
      rows.push({ key: keys.sentPage(room, user, last), value });
    }
  }
  return { folded: { seq, n }, unfolded, rows, bytes: size.bytes };
}
