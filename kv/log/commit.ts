// Stores a draft for certain, or says for certain that it was not: the answer of a commit may be lost (design.md, "Unknown outcomes").
import type { Clock } from "../clock.ts";
import { Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import type { Key, Row, Store } from "../store.ts";
import type { Draft } from "./draft.ts";
import { type LogRow, type StoredEvent, toMessage } from "./event.ts";
import type { Ring } from "./feed.ts";
import type { CommitGroup } from "./group.ts";
import type { Head } from "./head.ts";

/**
 * `stored`: with the head's version, or null where the head has moved on since.
 * `lost`: a check failed and nothing was stored; `moved` tells whether it was the head's.
 */
export type DraftOutcome =
  | { readonly kind: "stored"; readonly version: string | null }
  | { readonly kind: "lost"; readonly moved: boolean };

interface Deps {
  readonly store: Store;
  readonly group: CommitGroup;
  readonly clock: Clock;
}

/** After this long without an answer the senders are told to come back; their `clientId`s keep that safe. */
const GIVE_UP_MS = 15_000;

/** @throws Refused `unavailable` where the store cannot be asked what became of the commit */
export async function commitDraft(
  { store, group, clock }: Deps,
  draft: Draft,
  rings: readonly Ring[],
): Promise<DraftOutcome> {
  const one = { commit: draft.toCommit(), rings, bytes: draft.bytes };
  const giveUpAt = clock.elapsed() + GIVE_UP_MS;
  for (let tries = 0;; tries++) {
    const outcome = await group.commit(one);
    if (outcome.kind === "stored") return outcome;

    // Also where it is called lost: a transport that sent it again was told of its own first try.
    const found = await readBack(store, draft);
    if (found?.stored) return { kind: "stored", version: found.version };
    if (found?.moved) return { kind: "lost", moved: true };
    // Under an unmoved head only another check can have failed. Without one, an earlier try may still be on its way:
    // asking again under the same check is safe, deciding anew is not.
    if (found && outcome.kind === "lost" && draft.checks.length > 0) {
      return { kind: "lost", moved: false };
    }
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

type Found =
  | { readonly stored: true; readonly version: string | null }
  | { readonly stored: false; readonly moved: boolean };

/** What became of the draft: told by the head, or by the draft's first row where the head has moved on. */
async function readBack(store: Store, draft: Draft): Promise<Found | null> {
  const [first] = draft.rows;
  const headKey = keys.head(draft.room);
  try {
    const [head, row] = await store.getMany<unknown>(
      first === undefined ? [headKey] : [headKey, keyOf(draft.room, first)],
    );
    const { value, version } = head as Row<Head>;
    if (value?.commit === draft.head.commit) return { stored: true, version };
    return first !== undefined && isIn(row!, first)
      ? { stored: true, version: null }
      : { stored: false, moved: version !== draft.base.version };
  } catch {
    return null;
  }
}

function keyOf(room: string, row: LogRow): Key {
  return "frame" in row
    ? keys.message(room, row.seq)
    : keys.event(room, row.seq);
}

/** Whether a row of the log is this one, whatever became of its text. */
function isIn({ value }: Row, row: LogRow): boolean {
  if (value === null) return false;
  return "frame" in row
    ? toMessage(value as string).id === toMessage(row.frame).id
    : (value as StoredEvent).commit === row.event.commit;
}
