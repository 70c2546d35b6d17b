// The only way to change a room: one serial writer per room, which takes all that waits into one commit.
import type { Clock } from "../clock.ts";
import { noRoom, Refused } from "../errors.ts";
import { randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import type { Store } from "../store.ts";
import { backOff, commitDraft } from "./commit.ts";
import { Draft } from "./draft.ts";
import { type Feed, repliesFirst, type Ring } from "./feed.ts";
import { Gathering } from "./gathering.ts";
import { CommitGroup } from "./group.ts";
import type { Head } from "./head.ts";
import { Heads } from "./heads.ts";
import { readLog } from "./read.ts";
import { RoomState } from "./room_state.ts";
import { DUE, type Due } from "./tail.ts";

/**
 * Decides on the draft whether it may be made, then adds what it makes. It may run several times, on ever
 * newer drafts, so it must make no id of its own; and it must throw before it adds anything.
 */
export type Change<T> = (draft: Draft) => T | Promise<T>;

interface Waiting {
  readonly change: Change<unknown>;
  resolve(result: unknown): void;
  reject(reason: unknown): void;
  answer?: { readonly result: unknown } | { readonly refusal: unknown };
}

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly feed: Feed;
  /** For tests, in which rooms are small. */
  readonly due?: Due;
}

interface WriterDeps extends Deps {
  readonly group: CommitGroup;
}

/** How many rooms' writers an isolate keeps; the least recently used idle one goes first. */
const KEPT_WRITERS = 10_000;
const WAITING_CHANGES = 20_000;
/** A longer tail is not worth reading: everything known is forgotten instead. */
const TAIL_ROWS = 2000;

export class RoomLogs {
  readonly #writers = new Map<string, RoomWriter>();
  readonly #deps: WriterDeps;
  readonly heads: Heads;

  /** @param generation of the store: raised when a backup is restored */
  constructor(deps: Deps, readonly generation: number) {
    this.#deps = { ...deps, group: new CommitGroup(deps.store, deps.feed) };
    this.heads = new Heads(deps.store, deps.clock);
  }

  /**
   * Makes a change of a room; resolves after the commit. Changes of one room take effect in the order of the calls.
   * @throws Refused `not_found` where there is no such room, `unavailable` where the store does not answer
   */
  change<T>(room: string, change: Change<T>): Promise<T> {
    let writer = this.#writers.get(room);
    // Map order is the order of use.
    if (writer) this.#writers.delete(room);
    else writer = new RoomWriter(this.#deps, room);
    this.#writers.set(room, writer);
    if (this.#writers.size > KEPT_WRITERS) this.#dropIdle();
    return writer.change(change);
  }

  /** Makes a room with its first events. Null where a room of that id exists, or another check failed. */
  async create<T>(
    room: string,
    head: Head,
    change: Change<T>,
  ): Promise<T | null> {
    const state = new RoomState(this.#deps.store, room, head, null);
    const draft = new Draft(this.#deps.store, state, randomId(), head.at);
    const result = await change(draft);
    const rings = ringsOf(draft);
    const outcome = await commitDraft(this.#deps, draft, rings);
    if (outcome.kind === "lost") return null;
    this.#deps.feed.announce(rings);
    return result;
  }

  #dropIdle(): void {
    for (const [room, writer] of this.#writers) {
      if (!writer.idle) continue;
      this.#writers.delete(room);
      return;
    }
  }
}

class RoomWriter {
  #queue: Waiting[] = [];
  #running = false;
  #state: RoomState | null = null;
  readonly #gathering: Gathering;

  constructor(
    private readonly deps: WriterDeps,
    private readonly room: string,
  ) {
    this.#gathering = new Gathering(deps.clock);
  }

  get idle(): boolean {
    return !this.#running;
  }

  change<T>(change: Change<T>): Promise<T> {
    if (this.#queue.length >= WAITING_CHANGES) {
      return Promise.reject(
        new Refused("unavailable", "Too much waits in this room.", {
          retryAfterMs: 1000,
        }),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#queue.push({ change, resolve, reject });
    if (!this.#running) void this.#run();
    return promise as Promise<T>;
  }

  async #run(): Promise<void> {
    this.#running = true;
    let losses = 0;
    while (this.#queue.length > 0) {
      const taken: Waiting[] = [];
      try {
        await this.#gathering.gather(() => this.#queue.length);
        if (await this.#commitOne(taken)) losses = 0;
        else await backOff(this.deps.clock, losses++);
      } catch (error) {
        // Nothing is known for certain any more: read again, and let the senders decide.
        this.#state = null;
        const failed = taken.length > 0 ? taken : this.#queue.splice(0);
        for (const waiting of failed) waiting.reject(error);
      }
    }
    this.#running = false;
  }

  /** One commit of what waits. False where it was lost: what it took waits again. */
  async #commitOne(taken: Waiting[]): Promise<boolean> {
    const { store, clock, feed } = this.deps;
    const state = this.#state ??= await this.#read();
    state.trim();
    const fold = await state.fold(this.deps.due ?? DUE);
    const draft = new Draft(store, state, randomId(), clock.now(), fold);
    if (!await this.#fill(draft, taken)) return true;

    if (draft.empty) {
      // Refusals and repeats rest on what is remembered: true only if the head is still the same.
      if (await this.#isCurrent(state)) settle(taken);
      else await this.#requeue(taken, state);
      return true;
    }
    const rings = ringsOf(draft);
    const outcome = await commitDraft(this.deps, draft, rings);
    if (outcome.kind === "lost") {
      await this.#requeue(taken, outcome.moved ? state : null);
      return false;
    }
    state.advance(draft.rows, draft.head, outcome.version, draft.fold);
    if (outcome.version === null) this.#state = null;
    settle(taken);
    await repliesFirst();
    feed.announce(rings);
    return true;
  }

  /** False where the draft is spoilt: the others go again without the change that spoilt it. */
  async #fill(draft: Draft, taken: Waiting[]): Promise<boolean> {
    let next = 0;
    // One at least: so the writer goes on, whatever the draft begins with.
    while (next < this.#queue.length && (next === 0 || !draft.full)) {
      const waiting = this.#queue[next]!;
      const size = draft.size;
      try {
        if (draft.head.deleted) throw noRoom();
        const result = waiting.change(draft);
        waiting.answer = {
          result: result instanceof Promise ? await result : result,
        };
      } catch (refusal) {
        if (draft.size !== size) {
          this.#queue.splice(next, 1);
          waiting.reject(refusal);
          return false;
        }
        waiting.answer = { refusal };
      }
      next++;
    }
    taken.push(...this.#queue.slice(0, next));
    this.#queue = this.#queue.slice(next);
    return true;
  }

  async #read(): Promise<RoomState> {
    const { store } = this.deps;
    const head = await store.get<Head>(keys.head(this.room));
    if (head.value === null) throw noRoom();
    return new RoomState(store, this.room, head.value, head.version);
  }

  async #isCurrent(state: RoomState): Promise<boolean> {
    const head = await this.deps.store.get<Head>(keys.head(this.room));
    return head.version === state.version;
  }

  /** Puts back what a lost race took, and brings what is known up from the log's tail. */
  async #requeue(taken: Waiting[], moved: RoomState | null): Promise<void> {
    this.#queue = [...taken.splice(0), ...this.#queue];
    this.#state = moved && await this.#catchUp(moved);
  }

  async #catchUp(state: RoomState): Promise<RoomState | null> {
    const { store } = this.deps;
    const head = await store.get<Head>(keys.head(this.room));
    if (head.value === null) return null;
    const after = state.head.seq;
    const until = head.value.seq;
    if (until - after > TAIL_ROWS) return null;
    const rows = await readLog(store, this.room, {
      after,
      until,
      limit: TAIL_ROWS,
    });
    if (rows.length < until - after) return null;
    state.advance(rows, head.value, head.version);
    return state;
  }
}

function settle(taken: readonly Waiting[]): void {
  for (const { answer, resolve, reject } of taken) {
    if (answer === undefined) continue;
    if ("refusal" in answer) reject(answer.refusal);
    else resolve(answer.result);
  }
}

function ringsOf(draft: Draft): readonly Ring[] {
  return [
    { room: draft.room, seq: draft.head.seq, rows: draft.rows },
    ...draft.rings,
  ];
}
