// A store that a test can stop in the middle: what was read is not answered, what is to be written is not stored yet.
import {
  type Commit,
  type Key,
  openStore,
  type Store,
} from "../../kv/store.ts";

/** What is done at a key: a list's is its prefix, a commit has one for each row. */
export interface Access {
  readonly what: "read" | "commit";
  readonly key: Key;
}

export interface Held {
  /** Resolves when something waits. */
  readonly reached: Promise<void>;
  /** Lets go of what waits, and of all that comes; resolves when that has been worked off. */
  release(): Promise<void>;
}

export interface HoldingStore extends Store {
  /** Makes what matches wait. One at a time. */
  hold(matches: (access: Access) => boolean): Held;
}

export async function holding(): Promise<HoldingStore> {
  const store = await openStore(":memory:");
  let matches: (access: Access) => boolean = () => false;
  let reached = () => {};
  let released = Promise.resolve();

  const pass = async (what: Access["what"], keys: readonly Key[]) => {
    if (!keys.some((key) => matches({ what, key }))) return;
    reached();
    await released;
  };
  return {
    ...store,
    async get<T>(key: Key) {
      const row = await store.get<T>(key);
      await pass("read", [key]);
      return row;
    },
    async getMany<T>(keys: readonly Key[]) {
      const rows = await store.getMany<T>(keys);
      await pass("read", keys);
      return rows;
    },
    async list<T>(...[prefix, options]: Parameters<Store["list"]>) {
      const rows = await store.list<T>(prefix, options);
      await pass("read", [prefix]);
      return rows;
    },
    async commit(commit: Commit) {
      await pass("commit", commit.mutations.map(({ key }) => key));
      return await store.commit(commit);
    },
    hold(what) {
      const hit = Promise.withResolvers<void>();
      const gate = Promise.withResolvers<void>();
      matches = what;
      reached = hit.resolve;
      released = gate.promise;
      return {
        reached: hit.promise,
        async release() {
          matches = () => false;
          gate.resolve();
          // What waited goes on through a few reads; a turn each is more than enough.
          for (let turn = 0; turn < 50; turn++) {
            await store.get(["nothing"]);
          }
        },
      };
    },
  };
}
