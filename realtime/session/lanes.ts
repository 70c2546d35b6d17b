// The order of a socket's commands: on one room they take effect as they came, on different rooms they run together.
import { Turnstile } from "../../kv/accounts/turnstile.ts";
import { LIMITS } from "../../kv/limits.ts";

/** How many run together of those that are not ordered: the answer of each may be as large as a page. */
const ABREAST = 4;

interface Task {
  /** Takes its place in the room's order before it first waits: the next such task need not wait for it. */
  readonly ordered: boolean;
  run(): Promise<void>;
}

interface Lane {
  readonly waiting: Task[];
  running: number;
  /** The one that runs is not ordered: the others wait. */
  exclusive: boolean;
}

export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #unordered = new Turnstile(ABREAST, LIMITS.commandsInFlight);

  /** Runs a task, now where the order allows it. Without a room it waits for no other one's. */
  add(room: string | null, task: Task): void {
    if (room === null) return void this.#run(task);
    let lane = this.#lanes.get(room);
    if (!lane) {
      lane = { waiting: [], running: 0, exclusive: false };
      this.#lanes.set(room, lane);
    }
    lane.waiting.push(task);
    this.#drain(room, lane);
  }

  #drain(room: string, lane: Lane): void {
    for (let next = lane.waiting[0]; next; next = lane.waiting[0]) {
      const free = lane.running === 0 || (next.ordered && !lane.exclusive);
      if (!free) return;
      lane.waiting.shift();
      lane.running++;
      lane.exclusive = !next.ordered;
      void this.#run(next).finally(() => {
        lane.running--;
        if (lane.running === 0) lane.exclusive = false;
        this.#drain(room, lane);
      });
    }
    if (lane.running === 0) this.#lanes.delete(room);
  }

  /** No more are in flight than may wait. */
  async #run(task: Task): Promise<void> {
    if (task.ordered) await task.run();
    else await this.#unordered.enter(() => task.run());
  }
}
