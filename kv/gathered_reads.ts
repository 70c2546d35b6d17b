// Reads of single rows, gathered over one turn of the event loop: ten in one call cost little more than one.
import { setImmediate } from "node:timers";

/** How many keys Deno KV reads at once. */
export const KEYS_PER_READ = 10;

interface Asked<Key, Row> {
  readonly key: Key;
  resolve(row: Row): void;
  reject(thrown: unknown): void;
}

export class GatheredReads<Key, Row> {
  #asked: Asked<Key, Row>[] = [];
  #due = false;

  /** @param readMany reads up to `KEYS_PER_READ` rows, and answers them in the order of the keys */
  constructor(
    private readonly readMany: (keys: readonly Key[]) => Promise<Row[]>,
  ) {}

  read(key: Key): Promise<Row> {
    return new Promise((resolve, reject) => {
      const count = this.#asked.push({ key, resolve, reject });
      if (count === KEYS_PER_READ) void this.#send();
      else if (!this.#due) {
        this.#due = true;
        setImmediate(this.#atEnd);
      }
    });
  }

  readonly #atEnd = (): void => {
    this.#due = false;
    if (this.#asked.length > 0) void this.#send();
  };

  async #send(): Promise<void> {
    const asked = this.#asked;
    this.#asked = [];
    try {
      const rows = await this.readMany(asked.map(({ key }) => key));
      asked.forEach(({ resolve }, i) => resolve(rows[i]!));
    } catch (thrown) {
      for (const { reject } of asked) reject(thrown);
    }
  }
}
