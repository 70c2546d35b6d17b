// Pages of rooms' logs that were read a moment ago: after a restart all of a room's members ask for about the same ones.
import type { Core } from "../kv/core.ts";
import { LIMITS } from "../kv/limits.ts";
import { type LogRange, readLog } from "../kv/log/read.ts";
import { presentRows } from "../kv/rooms/present.ts";
import { Chunk, countWithin } from "./chunk.ts";

export interface Page {
  /** Null where nothing was there to read. */
  readonly chunk: Chunk | null;
  /** Whether there was more than a socket may be given at once. */
  readonly cut: boolean;
}

interface Recent {
  readonly page: Promise<Page>;
  /** On the monotonic clock: when the reading began. */
  readonly readAt: number;
  size: number;
}

/** A new name or a new picture may be missing in what is told so late. */
const RECENT_MS = 2_000;
const MOST_BYTES = 8 << 20;
/** What one weighs besides its frames. */
const OVERHEAD = 512;

/**
 * Reads, presents and encodes once what many read. What changes in a room moves the `until` up to which it is read,
 * so nothing that was edited or deleted is shown as it was.
 */
export class RecentPages {
  readonly #pages = new Map<string, Recent>();
  #bytes = 0;

  constructor(private readonly core: Core) {}

  /** Throws what reading throws; that is not kept. */
  read(room: string, range: LogRange): Promise<Page> {
    const key = `${room} ${range.after} ${range.until} ${range.limit}`;
    const now = this.core.clock.elapsed();
    const recent = this.#pages.get(key);
    if (recent && now - recent.readAt < RECENT_MS) return recent.page;
    this.#forget(key);
    this.#dropOld(now);
    const page = readPage(this.core, room, range);
    const added: Recent = { page, readAt: now, size: OVERHEAD };
    this.#pages.set(key, added);
    this.#bytes += OVERHEAD;
    page.then(({ chunk }) => {
      // Nothing yet is nothing to remember.
      if (this.#pages.get(key) !== added) return;
      if (chunk === null) return this.#forget(key);
      added.size += chunk.size;
      this.#bytes += chunk.size;
    }, () => {
      if (this.#pages.get(key) === added) this.#forget(key);
    });
    return page;
  }

  /** The order of the map is that of time. */
  #dropOld(now: number): void {
    for (const [key, { readAt }] of this.#pages) {
      if (this.#bytes < MOST_BYTES && now - readAt < RECENT_MS) return;
      this.#forget(key);
    }
  }

  #forget(key: string): void {
    const recent = this.#pages.get(key);
    if (!recent) return;
    this.#bytes -= recent.size;
    this.#pages.delete(key);
  }
}

async function readPage(
  core: Core,
  room: string,
  range: LogRange,
): Promise<Page> {
  const rows = await readLog(core.store, room, range);
  const frames = await presentRows(core, room, rows);
  const count = countWithin(LIMITS.shedBytes, frames);
  const last = rows[count - 1];
  return {
    chunk: last
      ? new Chunk(room, range.after + 1, last.seq, frames.slice(0, count))
      : null,
    cut: count < rows.length,
  };
}
