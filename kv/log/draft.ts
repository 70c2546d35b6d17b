// One commit in the making: changes see the room as it will be after those before them, and add events and rows.
import { toTimestamp } from "../clock.ts";
import { messageId } from "../ids.ts";
import { keys } from "../keys.ts";
import type { Message } from "../shapes.ts";
import type { Check, Commit, Key, Mutation, Store } from "../store.ts";
import { weightOf } from "../values.ts";
import {
  type LogRow,
  type Member,
  type RoomEvent,
  toMessage,
  toMessageFrame,
} from "./event.ts";
import type { Ring } from "./feed.ts";
import { foldedOf, type Head } from "./head.ts";
import type { RoomState } from "./room_state.ts";
import type { Fold } from "./tail.ts";

/**
 * A commit takes 1,000 mutations, 800 KiB of values and, on a denokv server, 10 checks. One change more, the head
 * and its news must still fit; and the head, which counts senders, is a value of 64 KiB.
 */
const FULL = { mutations: 880, bytes: 640 * 1024, checks: 7, senders: 1000 };

export interface NewMessage {
  readonly nonce: string;
  readonly sender: string;
  readonly clientId: string;
  readonly text: string;
}

export class Draft {
  /** The room as it will be: changes may set what describes it; numbers and time are the draft's. */
  readonly head: Head;
  readonly rows: LogRow[] = [];
  readonly rings: Ring[] = [];
  readonly checks: Check[] = [];
  readonly #mutations: Mutation[] = [];
  readonly #members = new Map<string, Member | null>();
  readonly #sent = new Map<string, Map<string, Message>>();
  readonly #at: string;
  readonly #unfolded: Record<string, number>;
  #senders: number;
  #bytes: number;

  /**
   * @param commit the id by which this commit is recognised when its answer is lost
   * @param fold what is to be brought up by the way
   */
  constructor(
    private readonly store: Store,
    readonly base: RoomState,
    commit: string,
    now: number,
    readonly fold: Fold | null = null,
  ) {
    this.#unfolded = { ...(fold ?? base.head).unfolded };
    this.#senders = Object.keys(this.#unfolded).length;
    this.#bytes = fold?.bytes ?? 0;
    this.head = {
      ...base.head,
      commit,
      at: Math.max(now, base.head.at),
      folded: (fold ?? base.head).folded ?? foldedOf(base.head),
      unfolded: this.#unfolded,
    };
    this.#at = toTimestamp(this.head.at);
  }

  get room(): string {
    return this.base.room;
  }

  /** Whether another change should wait for the next commit. One alone always fits. */
  get full(): boolean {
    const rows = this.#mutations.length + (this.fold?.rows.length ?? 0);
    return rows >= FULL.mutations || this.#bytes >= FULL.bytes ||
      this.checks.length >= FULL.checks || this.#senders >= FULL.senders;
  }

  /** How much its values weigh at most, the head among them. */
  get bytes(): number {
    return this.#bytes + weightOf(this.head);
  }

  get empty(): boolean {
    return this.#mutations.length === 0;
  }

  /** How much was added so far: a change that is refused must have added nothing. */
  get size(): number {
    return this.#mutations.length;
  }

  /** Reads what is not known of a user yet; answers nothing to wait for where all is known. */
  meet(user: string): Promise<void> | undefined {
    if (this.#members.has(user) || this.base.member(user) !== undefined) return;
    return this.base.meetMember(user);
  }

  /** The same, with what the user has sent. */
  meetSender(user: string): Promise<unknown> | undefined {
    if (this.base.sender(user) !== undefined) return this.meet(user);
    return Promise.all([this.base.meetSender(user), this.meet(user)]);
  }

  /** Null where the user, who must have been met, is no member. */
  member(user: string): Member | null {
    const member = this.#members.get(user);
    return member === undefined ? this.base.member(user) ?? null : member;
  }

  /** What a user, who must have been met as a sender, has sent under a `clientId`: in this draft, or at a `seq`. */
  sentUnder(user: string, clientId: string): Message | number | undefined {
    return this.#sent.get(user)?.get(clientId) ??
      this.base.sender(user)?.recent.get(clientId);
  }

  /** How many messages a user, who must have been met as a sender, has sent in the room. */
  sentCount(user: string): number {
    return (this.base.sender(user)?.count ?? 0) +
      (this.#sent.get(user)?.size ?? 0);
  }

  /** The message created at `seq` as this draft leaves it, or null. */
  async message(seq: number): Promise<Message | null> {
    const frame = await this.read<string>(keys.message(this.room, seq));
    return frame === null ? null : toMessage(frame);
  }

  /** Everybody in the room as this draft leaves it. */
  members(): Promise<Map<string, Member>> {
    return this.list(keys.members(this.room));
  }

  /** The rows right below a prefix as this draft leaves them, by the last part of their keys. All of them: mind their number. */
  async list<T>(prefix: Key): Promise<Map<string, T>> {
    const rows = await this.store.list<T>(prefix);
    const found = new Map(
      rows.map(({ key, value }) => [String(key.at(-1)), value]),
    );
    for (const one of this.#mutations) {
      if (!isSameKey(one.key.slice(0, -1), prefix)) continue;
      const name = String(one.key.at(-1));
      if ("value" in one) found.set(name, one.value as T);
      else found.delete(name);
    }
    return found;
  }

  /** A row as this draft leaves it. */
  async read<T>(key: Key): Promise<T | null> {
    const own = this.#mutations.findLast((one) => isSameKey(one.key, key));
    if (own !== undefined) return "value" in own ? own.value as T : null;
    return (await this.store.get<T>(key)).value;
  }

  addMessage({ nonce, sender, clientId, text }: NewMessage): Message {
    const seq = ++this.head.seq;
    this.head.lastMessage = seq;
    const message: Message = {
      id: messageId(seq, nonce),
      room: this.room,
      seq,
      n: ++this.head.n,
      rev: seq,
      sender,
      clientId,
      text,
      at: this.#at,
    };
    let sent = this.#sent.get(sender);
    if (!sent) this.#sent.set(sender, sent = new Map());
    sent.set(clientId, message);
    const unfolded = this.#unfolded[sender] ?? 0;
    if (unfolded === 0) this.#senders++;
    this.#unfolded[sender] = unfolded + 1;
    const frame = toMessageFrame(message);
    this.rows.push({ seq, frame, message });
    this.set(keys.message(this.room, seq), frame);
    return message;
  }

  /** Changes what a message's row says; the event that tells of it is added separately. */
  rewriteMessage(message: Message): void {
    this.set(keys.message(this.room, message.seq), toMessageFrame(message));
  }

  /** Takes the next `seq` for an event that is told with `about(seq)`. */
  addEvent(about: (seq: number) => RoomEvent): number {
    const seq = ++this.head.seq;
    const { n, commit } = this.head;
    const event = { ...about(seq), v: 1 as const, n, commit };
    this.rows.push({ seq, event });
    this.set(keys.event(this.room, seq), event);
    return seq;
  }

  /** What later changes of this draft, and the writer after it, know of a member. */
  setMember(user: string, member: Member | null): void {
    this.#members.set(user, member);
    const key = keys.member(this.room, user);
    if (member === null) this.delete(key);
    else this.set(key, member);
  }

  /** A row outside the log, such as a job. */
  add(mutation: Mutation): void {
    this.#mutations.push(mutation);
    if ("value" in mutation) this.#bytes += weightOf(mutation.value);
  }

  set(key: Key, value: unknown): void {
    this.add({ key, value });
  }

  delete(key: Key): void {
    this.add({ key, delete: true });
  }

  toCommit(): Commit {
    // A change that nobody is told of makes no room the latest one.
    if (this.rows.length === 0) this.head.at = this.base.head.at;
    const headKey = keys.head(this.room);
    return {
      checks: [{ key: headKey, version: this.base.version }, ...this.checks],
      mutations: [
        ...this.#mutations,
        ...this.fold?.rows ?? [],
        { key: headKey, value: this.head },
      ],
    };
  }
}

function isSameKey(one: Key, other: Key): boolean {
  return one.length === other.length &&
    one.every((part, i) => part === other[i]);
}
