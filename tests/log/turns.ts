// A store whose work and answers come one at a time, in an order that a test draws: the same numbers make the same
// interleaving again, on any machine and however busy it is.
import type { Store } from "../../kv/store.ts";

type Step = () => Promise<void>;

export class Turns {
  readonly #waiting: Step[] = [];
  #going: Promise<void> | undefined;
  #taken = 0;

  /** @param picks which of those that wait goes next, over and over; without any the first. */
  constructor(private readonly picks: readonly number[]) {}

  /** Does something when its turn comes. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.push(() => work().then(resolve, reject));
    this.#going ??= this.#go();
    return promise;
  }

  /** Resolves when nothing waits any more. */
  async settled(): Promise<void> {
    await this.#going;
  }

  /** The store as others see it: between a question and its work, and between that and its answer, anything may happen. */
  store(store: Store): Store {
    const ask = async <T>(work: () => Promise<T>): Promise<T> => {
      const answer = await this.take(work);
      await this.take(() => Promise.resolve());
      return answer;
    };
    return {
      ...store,
      get: (key) => ask(() => store.get(key)),
      getMany: (keys) => ask(() => store.getMany(keys)),
      list: (prefix, options) => ask(() => store.list(prefix, options)),
      commit: (commit) => ask(() => store.commit(commit)),
    };
  }

  async #go(): Promise<void> {
    for (;;) {
      // By the next turn of the loop whoever was answered has asked what it asks next.
      await new Promise(setImmediate);
      if (this.#waiting.length === 0) break;
      const pick = this.picks[this.#taken++ % this.picks.length] ?? 0;
      const [step] = this.#waiting.splice(pick % this.#waiting.length, 1);
      await step!();
    }
    this.#going = undefined;
  }
}
