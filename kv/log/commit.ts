// Stores a draft for certain, or says for certain that it was not: the answer of a commit may be lost (design.md, "Unknown outcomes").
import type { Clock } from "../clock.ts";
import { Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import type { Row, Store } from "../store.ts";
import type { Draft } from "./draft.ts";
import { type StoredEvent, toMessage } from "./event.ts";
import type { Feed, Ring } from "./feed.ts";
import type { Head } from "./head.ts";

/**
 * `stored`: with the head's version, or null where the head has moved on since.
 * `lost`: a check failed and nothing was stored; `moved` tells whether it was the head's.
 */
export type DraftOutcome =
  | { readonly kind: "stored"; readonly version: string | null }
  | { readonly kind: "lost"; readonly moved: boolean };

/** After this long without an answer the senders are told to come back; their `clientId`s keep that safe. */
const GIVE_UP_MS = 15_000;

/** @throws Refused `unavailable` where the store cannot be asked what became of the commit */
export async function commitDraft(
  { store, feed, clock }: { store: Store; feed: Feed; clock: Clock },
  draft: Draft,
  rings: readonly Ring[],
): Promise<DraftOutcome> {
  const commit = feed.attach(draft.toCommit(), rings);
  const giveUpAt = clock.elapsed() + GIVE_UP_MS;
  let unanswered = false;
  for (let tries = 0;; tries++) {
    const outcome = await store.commit(commit);
    if (outcome.kind === "stored") return outcome;
    unanswered ||= outcome.kind === "unknown";

    const head = await readHead(store, draft.room);
    if (head?.value?.commit === draft.head.commit) {
      return { kind: "stored", version: head.version };
    }
    if (head && head.version !== draft.base.version) {
      return unanswered && await standsInLog(store, draft)
        ? { kind: "stored", version: null }
        : { kind: "lost", moved: true };
    }
    // The head has not moved: another check failed, or the store is to be asked again under the same checks.
    if (head && outcome.kind === "lost") return { kind: "lost", moved: false };
    if (clock.elapsed() > giveUpAt) {
      throw new Refused("unavailable", "The store does not answer; try again.");
    }
    await backOff(clock, tries);
  }
}

/** Waits a little longer after each try, at random, so that two writers do not meet again. */
export function backOff(clock: Clock, tries: number): Promise<void> {
  return clock.sleep(Math.random() * Math.min(2 ** tries, 64));
}

async function readHead(store: Store, room: string): Promise<Row<Head> | null> {
  try {
    return await store.get<Head>(keys.head(room));
  } catch {
    return null;
  }
}

/** Whether the first row of the draft is the one in the log, although the head has moved past it. */
async function standsInLog(store: Store, draft: Draft): Promise<boolean> {
  const [first] = draft.rows;
  if (first === undefined) return false;
  if ("frame" in first) {
    const row = await store.get<string>(keys.message(draft.room, first.seq));
    return row.value !== null &&
      toMessage(row.value).id === toMessage(first.frame).id;
  }
  const row = await store.get<StoredEvent>(keys.event(draft.room, first.seq));
  return row.value?.commit === draft.head.commit;
}
