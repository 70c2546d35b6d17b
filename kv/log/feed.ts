// How isolates hear of each other's commits: a doorbell, and a short-lived feed that says what rang.
import { type Clock, type Moment, momentOf, since } from "../clock.ts";
import { keys } from "../keys.ts";
import type { Commit, KeyPart, Outcome, Store } from "../store.ts";
import { type Doorbell, RowDoorbell } from "./doorbell.ts";
import type { LogRow } from "./event.ts";

/** What a commit touched. A room's ring names its new head; a user's is a hint what to read again. */
export type Ring =
  | {
    readonly room: string;
    readonly seq: number;
    /** The rows themselves, where the commit was made in this isolate. Never in the feed. */
    readonly rows?: readonly LogRow[];
  }
  | {
    readonly user: string;
    readonly what: "membership" | "mark";
    readonly in: string;
  }
  | {
    readonly user: string;
    readonly what: "session";
    /** The session that ended. */
    readonly session: string;
  }
  | { readonly user: string; readonly what: "profile" };

/** Called with the rings of one commit, in the order of commits. */
export type RingListener = (rings: readonly Ring[]) => void | Promise<void>;

export interface FeedRow {
  readonly from: string;
  readonly rings: readonly Ring[];
}

/** How long a feed row is kept; an isolate that slept longer reads all heads it follows again. */
export const FEED_ROW_MS = 60_000;
/** Polling as a backstop: for a ring that got lost, and for other processes on an embedded database. */
const POLL_MS = 1_000;

export class Feed {
  #listener: RingListener = () => {};

  /** @param isolate a name of this isolate that no other ever had */
  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
    readonly isolate: string,
    private readonly doorbell: Doorbell = new RowDoorbell(store),
  ) {}

  /** The one who is told of every commit; without one nobody is. */
  listener(listener: RingListener): void {
    this.#listener = listener;
  }

  /** Adds doorbell and feed row to a commit. */
  attach(commit: Commit, rings: readonly Ring[]): Commit {
    if (rings.length === 0) return commit;
    const told = rings.map((ring) =>
      "room" in ring ? { room: ring.room, seq: ring.seq } : ring
    );
    return {
      ...commit,
      mutations: [
        ...commit.mutations,
        { key: keys.bell(), value: this.isolate },
      ],
      appends: [{
        prefix: keys.feed(),
        value: { from: this.isolate, rings: told } satisfies FeedRow,
        expireInMs: FEED_ROW_MS,
      }],
    };
  }

  /** Tells this isolate at once, and rings at the others, after a commit that was made here. */
  announce(rings: readonly Ring[]): void {
    if (rings.length === 0) return;
    this.doorbell.ring();
    void this.#listener(rings);
  }

  /** A commit of rows that are in no room's log: stored, then announced. */
  async commit(commit: Commit, rings: readonly Ring[]): Promise<Outcome> {
    const outcome = await this.store.commit(this.attach(commit, rings));
    if (outcome.kind === "stored") this.announce(rings);
    return outcome;
  }

  /**
   * Follows what other isolates commit, until the signal. `missed` is called
   * where the feed may have forgotten something since this isolate last looked.
   * What goes wrong in reading is reported and tried again at the next ring or poll.
   */
  async follow(
    missed: () => Promise<void>,
    report: (thrown: unknown) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let cursor: KeyPart | null = null;
    // Null: the first look, whichever succeeds, begins with the newest.
    let lookedAt: Moment | null = null;
    let busy = false;
    let again = false;

    const look = async () => {
      again = true;
      if (busy) return;
      busy = true;
      try {
        while (again && !signal.aborted) {
          again = false;
          // A feed row may be gone a little after its time: whoever slept that long cannot know what it missed.
          if (
            lookedAt === null || since(this.clock, lookedAt) > FEED_ROW_MS / 2
          ) {
            cursor = await this.#newest();
            await missed();
          }
          // Taken before: the answer may be old when it is there.
          const lookingAt = momentOf(this.clock);
          const rows = await this.#since(cursor);
          lookedAt = lookingAt;
          for (const row of rows) {
            cursor = row.key.at(-1)!;
            if (row.value.from !== this.isolate) {
              await this.#listener(row.value.rings);
            }
          }
        }
      } catch (thrown) {
        // The store may be closed already to whoever gave up beginning.
        if (!signal.aborted) report(thrown);
      } finally {
        busy = false;
      }
    };

    const poll = async () => {
      while (!signal.aborted) {
        await look();
        await this.clock.sleep(POLL_MS, signal).catch(() => {});
      }
    };
    await Promise.all([
      this.doorbell.listen(() => void look(), signal),
      poll(),
    ]);
  }

  async #newest(): Promise<KeyPart | null> {
    const [row] = await this.store.list(keys.feed(), {
      limit: 1,
      reverse: true,
    });
    return row?.key.at(-1) ?? null;
  }

  #since(cursor: KeyPart | null) {
    return this.store.list<FeedRow>(
      keys.feed(),
      // The lowest string above the cursor: a range's start is inclusive.
      cursor === null ? {} : { start: [...keys.feed(), `${cursor}\u0000`] },
    );
  }
}

/** Whoever waited writes its reply within these few microtasks: so that it normally comes before the event. */
export async function repliesFirst(): Promise<void> {
  for (let i = 0; i < 8; i++) await null;
}
