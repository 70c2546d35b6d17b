// Commits of different rooms that wait at once go to the store as one: a commit costs about as much as fifty rows.
// No rule rests on it: each keeps its own check, and where one check fails each goes alone.
import type { Commit, Outcome, Store } from "../store.ts";
import type { Feed, Ring } from "./feed.ts";

/** What one room wants stored, and whom that rings. */
export interface RoomCommit {
  readonly commit: Commit;
  readonly rings: readonly Ring[];
  /** About how much its values weigh. */
  readonly bytes: number;
}

interface Waiting extends RoomCommit {
  resolve(outcome: Outcome): void;
}

/** Commits under way at once: while one is on the disk the next is put together. */
const ABREAST = 2;
/** What one atomic takes everywhere, less the doorbell and the feed row. */
const FULL = { rooms: 10, mutations: 980, bytes: 700 * 1024 };

export class CommitGroup {
  readonly #waiting: Waiting[] = [];
  #underWay = 0;

  constructor(private readonly store: Store, private readonly feed: Feed) {}

  /** Stores it at once where nothing is under way, else with what waits besides. Never rejects. */
  commit(one: RoomCommit): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#waiting.push({ ...one, resolve });
      this.#start();
    });
  }

  #start(): void {
    while (this.#underWay < ABREAST && this.#waiting.length > 0) {
      void this.#run(this.#take());
    }
  }

  /** From the front, as many as fit; one at least. */
  #take(): Waiting[] {
    const sum = { rooms: 0, mutations: 0, bytes: 0 };
    const over = this.#waiting.findIndex(({ commit, bytes }) => {
      sum.rooms++;
      sum.mutations += commit.mutations.length;
      sum.bytes += bytes;
      return !isOfItsRoomOnly(commit) || sum.rooms > FULL.rooms ||
        sum.mutations > FULL.mutations || sum.bytes > FULL.bytes;
    });
    return this.#waiting.splice(
      0,
      over < 0 ? this.#waiting.length : Math.max(1, over),
    );
  }

  async #run(taken: readonly Waiting[]): Promise<void> {
    this.#underWay++;
    const outcome = await this.#store(taken);
    if (outcome.kind === "lost" && taken.length > 1) {
      await Promise.all(
        taken.map(async (one) => one.resolve(await this.#store([one]))),
      );
    } else {
      for (const { resolve } of taken) resolve(outcome);
    }
    this.#underWay--;
    this.#start();
  }

  #store(taken: readonly RoomCommit[]): Promise<Outcome> {
    return this.store.commit(this.feed.attach({
      checks: taken.flatMap(({ commit }) => commit.checks),
      mutations: taken.flatMap(({ commit }) => commit.mutations),
    }, taken.flatMap(({ rings }) => rings)));
  }
}

/**
 * Whether it rests on its room's head alone. Two that claim the same name, each under a check that it is free,
 * would both be stored if they were one commit.
 */
function isOfItsRoomOnly({ checks }: Commit): boolean {
  return checks.length === 1;
}
