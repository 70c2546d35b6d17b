// What a writer knows of its room between commits: exact as long as the check of the head succeeds.
import { keys } from "../keys.ts";
import type { Store } from "../store.ts";
import type { LogRow, Member } from "./event.ts";
import { foldedOf, type Head } from "./head.ts";
import { readSender, type Sender } from "./sender.ts";
import {
  type Due,
  entriesOf,
  type Fold,
  fold,
  readTail,
  spaceFor,
  type TailEntry,
} from "./tail.ts";

const KNOWN_USERS = 5000;

export class RoomState {
  readonly #members = new Map<string, Member | null>();
  readonly #senders = new Map<string, Sender>();
  /** Messages that their senders' rows do not tell of; null as long as no sender was met. */
  #tail: TailEntry[] | null = null;
  #head: Head;
  #version: string | null;

  /** @param version the head's; null before the room is created */
  constructor(
    private readonly store: Store,
    readonly room: string,
    head: Head,
    version: string | null,
  ) {
    this.#head = head;
    this.#version = version;
  }

  get head(): Head {
    return this.#head;
  }

  get version(): string | null {
    return this.#version;
  }

  /** Undefined where it was not met yet, null where the user is no member. */
  member(user: string): Member | null | undefined {
    return this.#members.get(user);
  }

  sender(user: string): Sender | undefined {
    return this.#senders.get(user);
  }

  async meetMember(user: string): Promise<void> {
    const row = await this.store.get<Member>(keys.member(this.room, user));
    this.setMember(user, row.value);
  }

  async meetSender(user: string): Promise<void> {
    this.#tail ??= await readTail(this.store, this.room, this.#head);
    const sender = await readSender(this.store, this.room, user);
    for (const entry of this.#tail) {
      if (entry.sender === user) sender.add(entry);
    }
    this.#senders.set(user, sender);
  }

  /** What is to be folded by the next commit, if anything. */
  async fold(due: Due): Promise<Fold | null> {
    const space = spaceFor(this.#head, due);
    if (space === null) return null;
    const tail = this.#tail ??= await readTail(
      this.store,
      this.room,
      this.#head,
    );
    const unmet = new Set(tail.map(({ sender }) => sender))
      .difference(this.#senders);
    await Promise.all([...unmet].map((user) => this.meetSender(user)));
    return fold(this.room, this.#head, tail, this.#senders, space);
  }

  setMember(user: string, member: Member | null): void {
    this.#members.set(user, member);
  }

  /**
   * Keeps what is remembered within bounds; to be called between drafts, which rely on whom they met.
   * Forgetting everything is safe, since what is not known is read; forgetting one by one would cost more.
   */
  trim(): void {
    if (this.#members.size > KNOWN_USERS) this.#members.clear();
    if (this.#senders.size > KNOWN_USERS) this.#senders.clear();
  }

  /**
   * Takes over what was committed, here or elsewhere, above the present head, and the head it made.
   * @param fold what was brought up by the way, where it is known
   */
  advance(
    rows: readonly LogRow[],
    head: Head,
    version: string | null,
    fold: Fold | null = null,
  ): void {
    for (const row of rows) {
      if ("frame" in row) continue;
      if (row.event.type === "member.left") {
        this.setMember(row.event.data.user, null);
      } else if (
        row.event.type === "member.joined" ||
        row.event.type === "member.updated"
      ) {
        this.setMember(row.event.data.user, row.event.data.member);
      }
    }
    for (const [user, until] of fold?.reached ?? []) {
      this.#senders.get(user)?.stored(until);
    }
    if (this.#tail !== null) {
      const entries = entriesOf(rows);
      for (const entry of entries) this.#senders.get(entry.sender)?.add(entry);
      this.#tail.push(...entries);
      this.#dropFolded(foldedOf(head).seq);
    }
    this.#head = head;
    this.#version = version;
  }

  #dropFolded(until: number): void {
    const tail = this.#tail!;
    let count = tail.findIndex(({ seq }) => seq > until);
    if (count === 0) return;
    if (count < 0) count = tail.length;
    const folded = new Set(tail.splice(0, count).map(({ sender }) => sender));
    for (const user of folded) this.#senders.get(user)?.stored(until);
  }
}
