// A store whose answers come late by a few turns of the loop, now and then, so that what runs at once meets in any order.
import type { Store } from "../../kv/store.ts";
import { pickNumber, type Random } from "./random.ts";

const LATE = 0.3;
const TURNS = 40;

export function unsteady(store: Store, random: Random): Store {
  const late = async <T>(answer: Promise<T>): Promise<T> => {
    const got = await answer;
    const turns = random() < LATE ? pickNumber(random, 1, TURNS) : 0;
    for (let i = 0; i < turns; i++) await new Promise(setImmediate);
    return got;
  };
  return {
    get: (key) => late(store.get(key)),
    getMany: (keys) => late(store.getMany(keys)),
    list: (prefix, options) => late(store.list(prefix, options)),
    commit: (commit) => late(store.commit(commit)),
    watch: (key, rung, signal) => store.watch(key, rung, signal),
    close: () => store.close(),
  };
}
