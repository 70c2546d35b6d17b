// Brings what was committed, here or elsewhere, to those who follow it: in log order, membership first.
import { readUsers, requireProfile, toUser } from "../kv/accounts/profiles.ts";
import type { Core } from "../kv/core.ts";
import { keys } from "../kv/keys.ts";
import type { LogRow } from "../kv/log/event.ts";
import type { Ring } from "../kv/log/feed.ts";
import type { Head } from "../kv/log/head.ts";
import { backOff } from "../kv/log/commit.ts";
import { readLog } from "../kv/log/read.ts";
import { readRoomsOf } from "../kv/rooms/membership.ts";
import { areFrames, presentRows } from "../kv/rooms/present.ts";
import { Chunk } from "./chunk.ts";
import { userFrame } from "./frames.ts";
import type { Hub, RemovalReason, Subscription, Topic } from "./hub.ts";

const PAGE = 500;
/** Rows that came with their commit while older ones were still on their way; beyond this the log is read. */
const OFFERED = 2000;

type RoomRing = Extract<Ring, { room: string }>;
type UserRing = Extract<Ring, { user: string }>;

export class Follower {
  readonly #pumping = new Set<Topic>();
  readonly #offered = new Map<Topic, LogRow[]>();

  /** @param report is told what went wrong in reading; it is tried again */
  constructor(
    private readonly core: Core,
    private readonly hub: Hub,
    private readonly report: (thrown: unknown) => void,
  ) {}

  /** What a commit touched: the feed's listener. Never throws; resolves when users' news were passed on. */
  async hear(rings: readonly Ring[]): Promise<void> {
    for (const ring of rings) {
      if ("room" in ring) this.#hearRoom(ring);
      else await this.#hearUser(ring).catch(this.report);
    }
  }

  /** Starts a topic at a head that was read after it was registered. */
  begin(subscription: Subscription, seq: number): void {
    const topic = this.hub.topic(subscription.room);
    if (!topic || topic.cursor !== null) return;
    topic.cursor = seq;
    void this.#pump(topic);
  }

  /** After a sleep: what everybody follows is looked at again. */
  async missed(): Promise<void> {
    const topics = [...this.hub.topics()];
    const heads = await this.core.store.getMany<Head>(
      topics.map(({ room }) => keys.head(room)),
    );
    heads.forEach(({ value }, i) => {
      if (value) this.#hearRoom({ room: topics[i]!.room, seq: value.seq });
    });
    for (const followers of this.hub.users()) {
      for (const follower of followers) follower.missed();
    }
  }

  #hearRoom({ room, seq, rows }: RoomRing): void {
    const topic = this.hub.topic(room);
    if (!topic || seq <= topic.target) return;
    topic.target = seq;
    if (rows) this.#offer(topic, rows);
    void this.#pump(topic);
  }

  async #hearUser(ring: UserRing): Promise<void> {
    const { sessions, serviceKeys } = this.core.accounts;
    if (ring.what === "session") {
      sessions.forget(ring.session);
      serviceKeys.forget(ring.session);
    } else if (ring.what === "profile") serviceKeys.forgetUser(ring.user);
    for (const follower of [...this.hub.of(ring.user)]) follower.rung(ring);
    if (ring.what === "profile") await this.#tellPeers(ring.user);
  }

  /** A changed profile is shown to all who share a room with the user. */
  async #tellPeers(user: string): Promise<void> {
    const rooms = await readRoomsOf(this.core, user);
    const peers = this.hub.followersOf(rooms);
    peers.delete(user);
    if (peers.size === 0) return;
    const users = await readUsers(this.core, [user]);
    const frame = userFrame(
      "user.updated",
      toUser(requireProfile(users, user)),
    );
    for (const peer of peers) {
      for (const follower of this.hub.of(peer)) follower.peerChanged(frame);
    }
  }

  #offer(topic: Topic, rows: readonly LogRow[]): void {
    const offered = this.#offered.get(topic) ?? [];
    // Too many, or not what follows on them: the log has them all.
    if (
      offered.length + rows.length > OFFERED ||
      (offered.length > 0 && offered.at(-1)!.seq + 1 !== rows[0]?.seq)
    ) this.#offered.delete(topic);
    else {this.#offered.set(
        topic,
        offered.length > 0 ? [...offered, ...rows] : [...rows],
      );}
  }

  /** Delivers what is missing between a topic's cursor and its target. Waits for nothing where all is at hand. */
  async #pump(topic: Topic): Promise<void> {
    if (this.#pumping.has(topic) || topic.cursor === null) return;
    this.#pumping.add(topic);
    let failures = 0;
    while (topic.cursor < topic.target && this.#isFollowed(topic)) {
      try {
        const rows: readonly LogRow[] = this.#takeOffered(topic) ??
          await readLog(this.core.store, topic.room, {
            after: topic.cursor,
            until: topic.target,
            limit: PAGE,
          });
        const frames = areFrames(rows)
          ? rows.map((row) => row.frame)
          : await presentRows(this.core, topic.room, rows);
        this.#deliver(topic, rows, frames);
        if (rows.length > 0) failures = 0;
        else if (await this.#isGone(topic.room)) return this.#endAll(topic);
        // What is heard of but not there yet is on its way.
        else await backOff(this.core.clock, failures++);
      } catch (thrown) {
        this.report(thrown);
        await backOff(this.core.clock, failures++);
      }
    }
    this.#pumping.delete(topic);
    this.#offered.delete(topic);
  }

  /** A deleted room's rows go by a job, which a slow isolate may find done. */
  async #isGone(room: string): Promise<boolean> {
    const { value } = await this.core.store.get<Head>(keys.head(room));
    return value === null || value.deleted === true;
  }

  #endAll(topic: Topic): void {
    this.#pumping.delete(topic);
    this.#end(topic, topic.target, { user: null, reason: "deleted" });
  }

  #isFollowed(topic: Topic): boolean {
    return this.hub.topic(topic.room) === topic;
  }

  #takeOffered(topic: Topic): LogRow[] | undefined {
    const offered = this.#offered.get(topic);
    this.#offered.delete(topic);
    return offered?.[0]?.seq === topic.cursor! + 1 ? offered : undefined;
  }

  /** Hands rows on up to each end of a membership, which takes effect before the next row. */
  #deliver(
    topic: Topic,
    rows: readonly LogRow[],
    frames: readonly string[],
  ): void {
    let from = 0;
    rows.forEach((row, i) => {
      const ending = endingOf(row);
      if (ending === null && i + 1 < rows.length) return;
      const first = rows[from]!.seq;
      topic.cursor = row.seq;
      const chunk = new Chunk(
        topic.room,
        first,
        row.seq,
        frames.slice(from, i + 1),
      );
      for (const own of topic.followers.values()) {
        for (const subscription of own) {
          if (subscription.state === "live") {
            subscription.follower.deliver(subscription, chunk);
          } else if (subscription.state === "behind") {
            subscription.follower.advanced(subscription);
          }
        }
      }
      from = i + 1;
      if (ending) this.#end(topic, row.seq, ending);
    });
  }

  #end(topic: Topic, seq: number, { user, reason }: Ending): void {
    const ended = user === null
      ? [...topic.followers.values()].flatMap((own) => [...own])
      : [...topic.followers.get(user) ?? []];
    for (const subscription of ended) {
      if (subscription.joined > seq) continue;
      this.hub.unfollow(subscription);
      subscription.follower.removed(subscription, reason);
    }
  }
}

/** Whose following a row ends: one user's, or everybody's. */
interface Ending {
  readonly user: string | null;
  readonly reason: RemovalReason;
}

function endingOf(row: LogRow): Ending | null {
  if ("frame" in row) return null;
  const { event } = row;
  if (event.type === "room.deleted") return { user: null, reason: "deleted" };
  if (event.type !== "member.left") return null;
  const { user, by } = event.data;
  return { user, reason: user === by ? "left" : "removed" };
}
