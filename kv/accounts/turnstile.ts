// A bound on how much runs at once and how much waits for it, first come, first served.

export class Turnstile {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** Lets `abreast` tasks run and `queue` more wait. */
  constructor(
    private readonly abreast: number,
    private readonly queue: number,
  ) {}

  /** Runs `task` when it is its turn, or answers null at once where the queue is full. */
  enter<Result>(task: () => Promise<Result>): Promise<Result> | null {
    if (this.#running < this.abreast) {
      this.#running++;
      return this.#pass(task);
    }
    if (this.#waiting.length >= this.queue) return null;
    const turn = new Promise<void>((resolve) => this.#waiting.push(resolve));
    return turn.then(() => this.#pass(task));
  }

  async #pass<Result>(task: () => Promise<Result>): Promise<Result> {
    try {
      return await task();
    } finally {
      // The place is handed on, not freed: who comes now must not overtake who waits.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}
