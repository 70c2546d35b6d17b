// Reads of few rows, gathered over one turn of the event loop: ten in one call cost little more than one.
import { setImmediate } from "node:timers";

/** How many keys Deno KV reads at once. */
export const KEYS_PER_READ = 10;

interface Asked<Key, Row> {
  readonly keys: readonly Key[];
  resolve(rows: Row[]): void;
  reject(thrown: unknown): void;
}

export class GatheredReads<Key, Row> {
  #asked: Asked<Key, Row>[] = [];
  #count = 0;
  #due = false;

  /** @param readMany reads up to `KEYS_PER_READ` rows, and answers them in the order of the keys */
  constructor(
    private readonly readMany: (keys: readonly Key[]) => Promise<Row[]>,
  ) {}

  /** Reads up to `KEYS_PER_READ` rows, all in one call. */
  read(keys: readonly Key[]): Promise<Row[]> {
    if (this.#count + keys.length > KEYS_PER_READ) this.#send();
    return new Promise((resolve, reject) => {
      this.#asked.push({ keys, resolve, reject });
      this.#count += keys.length;
      if (this.#count === KEYS_PER_READ) this.#send();
      else if (!this.#due) {
        this.#due = true;
        setImmediate(this.#atEnd);
      }
    });
  }

  readonly #atEnd = (): void => {
    this.#due = false;
    this.#send();
  };

  #send(): void {
    const asked = this.#asked;
    this.#asked = [];
    this.#count = 0;
    if (asked.length > 0) void this.#answer(asked);
  }

  async #answer(asked: readonly Asked<Key, Row>[]): Promise<void> {
    try {
      const rows = await this.readMany(asked.flatMap(({ keys }) => keys));
      let next = 0;
      for (const { keys, resolve } of asked) {
        resolve(rows.slice(next, next += keys.length));
      }
    } catch (thrown) {
      for (const { reject } of asked) reject(thrown);
    }
  }
}
