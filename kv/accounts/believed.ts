// Rows believed for a moment, so that not every request reads them. What is not there is never remembered.
import type { Clock } from "../clock.ts";
import { LIMITS } from "../limits.ts";

interface Known<Value> {
  readonly value: Value;
  /** On the monotonic clock: when the reading began. */
  readonly readAt: number;
}

const REMEMBERED = 10_000;

export class Believed<Value> {
  readonly #known = new Map<string, Known<Value>>();
  readonly #reading = new Map<string, Promise<Value | null>>();

  /** @param isGood whether a value that was read a moment ago is good as it is, or has expired since */
  constructor(
    private readonly clock: Clock,
    private readonly load: (id: string) => Promise<Value | null>,
    private readonly isGood: (value: Value) => boolean = () => true,
  ) {}

  /** What was read a moment ago, or null: then a hot path has to wait for `read`. */
  recall(id: string): Value | null {
    const known = this.#known.get(id);
    if (!known) return null;
    const age = this.clock.elapsed() - known.readAt;
    return age < LIMITS.sessionCacheMs && this.isGood(known.value)
      ? known.value
      : null;
  }

  /** What is there, as it is or was a moment ago; null where there is nothing. */
  async read(id: string): Promise<Value | null> {
    return this.recall(id) ?? await this.#read(id);
  }

  /** To be called when it is known to have changed; a reading under way is not believed either. */
  forget(id: string): void {
    this.#known.delete(id);
    this.#reading.delete(id);
  }

  #read(id: string): Promise<Value | null> {
    const underway = this.#reading.get(id);
    if (underway) return underway;
    const readAt = this.clock.elapsed();
    const reading = this.load(id)
      .then((value) => {
        // Forgotten meanwhile: whoever waits gets what was true when it asked, nobody else does.
        if (value !== null && this.#reading.get(id) === reading) {
          this.#remember(id, { value, readAt });
        }
        return value;
      })
      .finally(() => {
        if (this.#reading.get(id) === reading) this.#reading.delete(id);
      });
    this.#reading.set(id, reading);
    return reading;
  }

  #remember(id: string, known: Known<Value>): void {
    // Taken out first, so that the order of the map is the order of reading.
    this.#known.delete(id);
    if (this.#known.size >= REMEMBERED) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(id, known);
  }
}
