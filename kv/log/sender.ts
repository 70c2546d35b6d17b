// A sender as the room's writer remembers it: what the rows tell, what was sent since, and the rows as they will be.
import { keys } from "../keys.ts";
import type { Store } from "../store.ts";
import {
  type Entry,
  entryBytes,
  format,
  type Ledger,
  PAGE,
  parse,
  turnPages,
} from "./ledger.ts";

/** How many messages of one sender are brought up at once: these fit beside what else a commit writes (tail.ts). */
export const AT_ONCE = 1024;
/** How many of a sender's latest `clientId`s are remembered, for ever (protocol.md: at least 256). */
export const REMEMBERED_CLIENT_IDS = 256;

/** What may be written of senders' rows: their number, and what they weigh. */
export interface Space {
  readonly rows: number;
  readonly bytes: number;
}

/** A sender's rows as they are to be: the open one, and pages that are full. */
export interface BroughtUp extends Space {
  readonly open: string;
  readonly pages: readonly FullPage[];
  /** The `seq` of the last message they tell of. */
  readonly until: number;
}

/** A sender as the room's writer remembers it: as stored, and what was sent since. */
export class Sender {
  /** The latest `clientId`s, oldest first, with the `seq` of their messages. */
  readonly recent = new Map<string, number>();
  #open: Ledger;
  /** What the rows don't tell of yet, oldest first. */
  readonly #pending: Entry[] = [];
  /** The last `seq` known. */
  #last: number;

  constructor(
    open: Ledger = { before: 0, entries: [] },
    pages: readonly Ledger[] = [],
  ) {
    this.#open = open;
    const entries = [...pages.flatMap((page) => page.entries), ...open.entries];
    for (const { clientId, seq } of entries) this.#remember(clientId, seq);
    this.#last = entries.at(-1)?.seq ?? 0;
  }

  /** How many messages were sent. */
  get count(): number {
    return this.#open.before + this.#open.entries.length + this.#pending.length;
  }

  /** The `seq` of the first message that the rows don't tell of, if there is one. */
  get firstPending(): number | undefined {
    return this.#pending[0]?.seq;
  }

  /** Takes over what was committed. What is known already, read ahead of its news, is passed over. */
  add({ clientId, seq }: Entry): void {
    if (seq <= this.#last) return;
    this.#last = seq;
    this.#pending.push({ clientId, seq });
    this.#remember(clientId, seq);
    if (this.recent.size > REMEMBERED_CLIENT_IDS) {
      this.recent.delete(this.recent.keys().next().value!);
    }
  }

  /** One that was used before, and forgotten, must not keep its old place: it would be the next to be forgotten. */
  #remember(clientId: string, seq: number): void {
    this.recent.delete(clientId);
    this.recent.set(clientId, seq);
  }

  /**
   * The rows with what is pending, of more than `AT_ONCE` the first; null where nothing is, or no space for these.
   * Never with less: another isolate may have told all of that, and relies on it (docs/decisions/0023).
   */
  bringUp(space: Space): BroughtUp | null {
    const count = Math.min(this.#pending.length, AT_ONCE);
    if (count === 0) return null;
    const entries = this.#openWith(count);
    const rows = 1 + Math.floor(entries.length / PAGE);
    const bytes = entries.reduce(
      (sum, { clientId }) => sum + entryBytes(clientId),
      0,
    );
    if (rows > space.rows || bytes > space.bytes) return null;
    const { open, full } = turnPages(this.#open.before, entries);
    const pages = full.map((page) => ({
      last: page.entries.at(-1)!.seq,
      value: format(page),
    }));
    const until = this.#pending[count - 1]!.seq;
    return { open: format(open), pages, until, rows, bytes };
  }

  /** Takes note that the rows tell of everything up to there, written here or by another isolate. */
  stored(until: number): void {
    const left = this.#pending.findIndex(({ seq }) => seq > until);
    const count = left < 0 ? this.#pending.length : left;
    if (count === 0) return;
    this.#open = turnPages(this.#open.before, this.#openWith(count)).open;
    this.#pending.splice(0, count);
  }

  /** What stands in the open row, and the first so many of what is pending. */
  #openWith(count: number): Entry[] {
    return [...this.#open.entries, ...this.#pending.slice(0, count)];
  }
}

/** To be stored under the `seq` of its last entry. */
interface FullPage {
  readonly last: number;
  readonly value: string;
}

/** Reads a sender as of one moment, that of its open row. */
export async function readSender(
  store: Store,
  room: string,
  user: string,
): Promise<Sender> {
  const { value } = await store.get<string>(keys.sender(room, user));
  if (value === null) return new Sender();
  const open = parse(value);
  const rows = open.before === 0
    ? []
    : await store.list<string>(keys.sentPages(room, user), {
      limit: REMEMBERED_CLIENT_IDS / PAGE,
      reverse: true,
    });
  const pages = rows.map((row) => parse(row.value))
    // One that was filled since the open row was read would be counted twice.
    .filter(({ before }) => before < open.before);
  return new Sender(open, pages.reverse());
}
