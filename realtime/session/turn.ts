// The end of a turn of the event loop: where all that one turn made due is written at once.
import { setImmediate } from "node:timers";

export interface Turn {
  /** Runs the task once, when the turn's other work is done. Tasks run in the order given. */
  atEnd(task: () => void): void;
}

/**
 * The real loop. One immediate serves all tasks of a turn: it comes after everything
 * the turn's sockets and commits set off, and in an idle loop at once (2 µs).
 */
export class LoopTurn implements Turn {
  #tasks: (() => void)[] = [];

  /** @param report is told what a task threw; the others run all the same */
  constructor(private readonly report: (thrown: unknown) => void) {}

  atEnd(task: () => void): void {
    if (this.#tasks.push(task) === 1) setImmediate(this.#run);
  }

  readonly #run = (): void => {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) {
      try {
        task();
      } catch (thrown) {
        this.report(thrown);
      }
    }
  };
}
