// What a writer knows of its room between commits: exact as long as the check of the head succeeds.
import { keys } from "../keys.ts";
import type { Store } from "../store.ts";
import { type LogRow, type Member, toMessage } from "./event.ts";
import type { Head } from "./head.ts";

/** How many of a sender's latest `clientId`s are remembered, for ever (protocol.md: at least 256). */
export const REMEMBERED_CLIENT_IDS = 256;
const KNOWN_USERS = 5000;

/** One user's sending in the room: how much, and under which latest `clientId`s at which `seq`. */
export class Sender {
  #last = 0;

  constructor(
    public count = 0,
    readonly recent: Map<string, number> = new Map(),
  ) {
    for (const seq of recent.values()) this.#last = Math.max(this.#last, seq);
  }

  /** Does nothing where the message is known already, as when it was read ahead of its commit's news. */
  add(clientId: string, seq: number): void {
    if (seq <= this.#last) return;
    this.#last = seq;
    this.count++;
    this.recent.set(clientId, seq);
    if (this.recent.size > REMEMBERED_CLIENT_IDS) {
      for (const oldest of this.recent.keys()) {
        this.recent.delete(oldest);
        break;
      }
    }
  }
}

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
    const rows = await this.store.list<string>(keys.sentBy(this.room, user), {
      limit: REMEMBERED_CLIENT_IDS,
      reverse: true,
    });
    const recent = new Map<string, number>();
    for (const row of rows.toReversed()) {
      recent.set(parseSent(row.value).clientId, Number(row.key.at(-1)));
    }
    const count = rows[0] === undefined ? 0 : parseSent(rows[0].value).count;
    const sender = new Sender(count, recent);
    bounded(this.#senders).set(user, sender);
  }

  setMember(user: string, member: Member | null): void {
    bounded(this.#members).set(user, member);
  }

  /** Takes over what was committed, here or elsewhere, above the present head. */
  apply(rows: readonly LogRow[]): void {
    for (const row of rows) {
      if ("frame" in row) {
        const { sender, clientId } = toMessage(row.frame);
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

/** The value of a `sent` row. */
export function toSent(count: number, clientId: string): string {
  return `${count} ${clientId}`;
}

export function parseSent(value: string): { count: number; clientId: string } {
  const space = value.indexOf(" ");
  return {
    count: Number(value.slice(0, space)),
    clientId: value.slice(space + 1),
  };
}

// Forgetting everything is safe, since what is not known is read; forgetting one by one would cost more.
function bounded<V>(map: Map<string, V>): Map<string, V> {
  if (map.size >= KNOWN_USERS) map.clear();
  return map;
}
