// The end of a room's log that its senders' rows don't tell of yet. They are brought up now and then, many
// messages in one go, for a row of every sender in every commit would be most of what a commit writes.
import { keys } from "../keys.ts";
import type { Mutation, Store } from "../store.ts";
import { type LogRow, toMessage } from "./event.ts";
import { type Folded, foldedOf, type Head } from "./head.ts";
import type { Sender, Space } from "./sender.ts";

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
  /** So many rows go into a commit at least: more would make whoever waits for it wait longer. */
  readonly rows: number;
}

export const DUE: Due = {
  perSender: 16,
  fewest: 64,
  most: 1024,
  senders: 300,
  rows: 48,
};
/** How much of a commit it may take. */
const MOST: Space = { rows: 440, bytes: 320 * 1024 };
/** One row for so many messages in the tail: the longer it is, the faster it gets shorter. */
const MESSAGES_PER_ROW = 20;

/** What brings senders' rows up to a later place, as part of a commit. */
export interface Fold {
  /** Up to where everybody's rows tell what was sent: some tell more. */
  readonly folded: Folded;
  /** How many messages each sender has sent since. */
  readonly unfolded: Readonly<Record<string, number>>;
  readonly rows: readonly Mutation[];
  readonly bytes: number;
  /** The `seq` that each sender's rows reach with it. */
  readonly reached: ReadonlyMap<string, number>;
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

/** What the next commit may write of senders' rows; null where none are due. */
export function spaceFor(head: Head, due: Due): Space | null {
  const messages = head.n - foldedOf(head).n;
  if (messages < due.fewest) return null;
  const senders = Object.keys(head.unfolded ?? {}).length;
  if (senders >= due.senders) return MOST;
  if (messages < Math.min(due.perSender * senders, due.most)) return null;
  const rows = Math.max(due.rows, messages / MESSAGES_PER_ROW);
  return { ...MOST, rows: Math.min(rows, MOST.rows) };
}

/** Whoever has waited longest first, then who fits beside them, each with all they have sent. Everybody must have been met. */
export function fold(
  room: string,
  head: Head,
  tail: readonly TailEntry[],
  senders: ReadonlyMap<string, Sender>,
  space: Space,
): Fold {
  const rows: Mutation[] = [];
  const reached = new Map<string, number>();
  const unfolded = { ...head.unfolded };
  let folded = foldedOf(head);
  let bytes = 0;
  for (const { seq, n, sender: user } of tail) {
    const sender = senders.get(user)!;
    if (seq >= (sender.firstPending ?? Infinity) && !reached.has(user)) {
      const left = rows.length === 0 ? MOST : {
        rows: space.rows - rows.length,
        bytes: space.bytes - bytes,
      };
      const up = sender.bringUp(left);
      if (up === null) break;
      rows.push({ key: keys.sender(room, user), value: up.open });
      for (const { last, value } of up.pages) {
        rows.push({ key: keys.sentPage(room, user, last), value });
      }
      bytes += up.bytes;
      reached.set(user, up.until);
    }
    if (seq > (reached.get(user) ?? Infinity)) break;
    folded = { seq, n };
    unfolded[user]!--;
    if (unfolded[user] === 0) delete unfolded[user];
  }
  return { folded, unfolded, rows, bytes, reached };
}
