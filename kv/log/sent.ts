// How much each sender has sent in a room: what their rows tell, up to the place that the head names, and what the
// head counts since (tail.ts).
import { keys } from "../keys.ts";
import type { Store } from "../store.ts";
import { toMessage } from "./event.ts";
import { foldedOf, type Head } from "./head.ts";
import { type Ledger, parse } from "./ledger.ts";

/** Whose messages are counted, up to a head that was read before. */
export interface Asked {
  readonly room: string;
  readonly user: string;
  readonly head: Head;
}

/** How many messages users have sent in rooms, in the order given. */
export async function countSent(
  store: Store,
  asked: readonly Asked[],
): Promise<number[]> {
  const rows = await store.getMany<string>(
    asked.map(({ room, user }) => keys.sender(room, user)),
  );
  return await Promise.all(rows.map(async ({ value }, i) => {
    const { room, user, head } = asked[i]!;
    const unfolded = head.unfolded?.[user] ?? 0;
    if (value === null) return unfolded;
    const until = foldedOf(head).seq;
    return unfolded + await countUntil(store, parse(value), room, user, until);
  }));
}

/** How many messages a user has sent up to a `seq`, which the head has reached. */
export async function countSentUntil(
  store: Store,
  asked: Asked,
  seq: number,
): Promise<number> {
  const { room, user, head } = asked;
  if (seq < foldedOf(head).seq) {
    const { value } = await store.get<string>(keys.sender(room, user));
    return value === null
      ? 0
      : await countUntil(store, parse(value), room, user, seq);
  }
  const [[all], later] = await Promise.all([
    countSent(store, [asked]),
    head.unfolded?.[user] === undefined
      ? []
      : store.list<string>(keys.messages(room), {
        start: keys.message(room, seq + 1),
        end: keys.message(room, head.seq + 1),
      }),
  ]);
  const own = later.filter(({ value }) => toMessage(value).sender === user);
  return all! - own.length;
}

/** Reads more than the open row only where the place is before it. */
async function countUntil(
  store: Store,
  open: Ledger,
  room: string,
  user: string,
  until: number,
): Promise<number> {
  const [first] = open.entries;
  if (open.before === 0 || (first && first.seq <= until)) {
    return countOf(open, until);
  }
  // In the first page that ends after the place, or behind them all.
  const [page] = await store.list<string>(keys.sentPages(room, user), {
    start: keys.sentPage(room, user, until + 1),
    limit: 1,
  });
  return page === undefined ? open.before : countOf(parse(page.value), until);
}

function countOf({ before, entries }: Ledger, until: number): number {
  return before + entries.filter(({ seq }) => seq <= until).length;
}
