// What a writer knows of its room between commits: exact as long as the check of the head succeeds.
import { keys } from "../keys.ts";
import type { Store } from "../store.ts";
import { type LogRow, type Member, toMessage } from "./event.ts";
import type { Head } from "./head.ts";
import { readSender, type Sender } from "./sent.ts";

const KNOWN_USERS = 5000;

export class RoomState {
  readonly #members = new Map<string, Member | null>();
  readonly #senders = new Map<string, Sender>();

  constructor(
    private readonly store: Store,
    readonly room: string,
    public head: Head,
    /** The head's version; null before the room is created. */
    public version: string | null,
  ) {}

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
    const sender = await readSender(this.store, this.room, user);
    this.#senders.set(user, sender);
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

  /** Takes over what was committed, here or elsewhere, above the present head. */
  apply(rows: readonly LogRow[]): void {
    for (const row of rows) {
      if ("frame" in row) {
        const { sender, clientId } = row.message ?? toMessage(row.frame);
        this.#senders.get(sender)?.add(clientId, row.seq);
      } else if (row.event.type === "member.left") {
        this.setMember(row.event.data.user, null);
      } else if (
        row.event.type === "member.joined" ||
        row.event.type === "member.updated"
      ) {
        this.setMember(row.event.data.user, row.event.data.member);
      }
    }
  }
}
