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

/**
 * The rows of the range in order and without a gap, `limit` at most. May end earlier than the range does:
 * the two lists are not one snapshot, so it stops where a row is not there yet. Ask again from the last `seq`.
 */
export async function readLog(
  store: Store,
  room: string,
  { after, until, limit }: LogRange,
): Promise<LogRow[]> {
  const part = (prefix: Key) => ({
    start: [...prefix, after + 1],
    end: [...prefix, until + 1],
    limit,
  });
  const [messages, events] = await Promise.all([
    store.list<string>(keys.messages(room), part(keys.messages(room))),
    store.list<StoredEvent>(keys.events(room), part(keys.events(room))),
  ]);
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
