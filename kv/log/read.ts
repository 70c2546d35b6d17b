// Reads a room's log: messages and other events lie under two prefixes, so that history pages are dense, and are merged here.
import { keys } from "../keys.ts";
import type { Key, Store } from "../store.ts";
import type { LogRow, StoredEvent } from "./event.ts";

export interface LogRange {
  /** Exclusive. */
  readonly after: number;
  /** Inclusive. */
  readonly until: number;
  readonly limit: number;
}

/** So few rows are asked for by their keys, under both prefixes: that is one call. */
const FEW = 5;

/**
 * The rows of the range in order and without a gap, `limit` at most. May end earlier than the range does:
 * what is read is not always one snapshot, so it stops where a row is not there yet. Ask again from the last `seq`.
 */
export async function readLog(
  store: Store,
  room: string,
  { after, until, limit }: LogRange,
): Promise<LogRow[]> {
  const count = Math.min(limit, until - after);
  if (count <= FEW) return await readFew(store, room, after, count);
  const list = <T>(prefix: Key) =>
    store.list<T>(prefix, {
      start: [...prefix, after + 1],
      end: [...prefix, until + 1],
      limit,
    });
  const messages = await list<string>(keys.messages(room));
  // Mostly there is nothing else in between.
  const isWhole = messages.length === count &&
    messages.at(-1)!.key.at(-1) === after + count;
  const events = isWhole ? [] : await list<StoredEvent>(keys.events(room));
  const rows: LogRow[] = [];
  for (let m = 0, e = 0, seq = after + 1; rows.length < limit; seq++) {
    if (messages[m]?.key.at(-1) === seq) {
      rows.push({ seq, frame: messages[m++]!.value });
    } else if (events[e]?.key.at(-1) === seq) {
      rows.push({ seq, event: events[e++]!.value });
    } else break;
  }
  return rows;
}

async function readFew(
  store: Store,
  room: string,
  after: number,
  count: number,
): Promise<LogRow[]> {
  const seqs = Array.from({ length: count }, (_, i) => after + 1 + i);
  const found = await store.getMany<unknown>(
    seqs.flatMap((seq) => [keys.message(room, seq), keys.event(room, seq)]),
  );
  const rows: LogRow[] = [];
  for (const [i, seq] of seqs.entries()) {
    const frame = found[2 * i]!.value as string | null;
    const event = found[2 * i + 1]!.value as StoredEvent | null;
    if (frame !== null) rows.push({ seq, frame });
    else if (event !== null) rows.push({ seq, event });
    else break;
  }
  return rows;
}
