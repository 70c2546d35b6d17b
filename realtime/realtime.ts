// All that is live in this isolate: its sockets' sessions and what they share.
import type { Core } from "../kv/core.ts";
import type { Caller, Principal } from "../kv/principal.ts";
import type { RateLimits } from "../kv/rates.ts";
import { Follower } from "./follower.ts";
import { Hub } from "./hub.ts";
import { RecentPages } from "./recent_pages.ts";
import type { Shared } from "./shared.ts";
import { Heartbeat } from "./session/heartbeat.ts";
import { Session } from "./session/session.ts";
import { LoopTurn, type Turn } from "./session/turn.ts";
import type { Attend } from "./sockets/port.ts";

/** Clients that are sent away come back over this time, not all at once. */
const COME_BACK_MS = 5_000;

export class Realtime implements Shared {
  readonly hub = new Hub();
  readonly follower: Follower;
  readonly pages: RecentPages;
  readonly heartbeat: Heartbeat;
  readonly turn: Turn;
  readonly #sessions = new Set<Session>();
  #draining = false;

  /** @param report is told what went wrong where no client is to blame */
  constructor(
    readonly core: Core,
    readonly rates: RateLimits,
    readonly report: (thrown: unknown) => void,
  ) {
    this.follower = new Follower(core, this.hub, report);
    this.pages = new RecentPages(core);
    this.heartbeat = new Heartbeat(core.clock, report);
    this.turn = new LoopTurn(report);
    core.feed.listener((rings) => this.follower.hear(rings));
  }

  get sockets(): number {
    return this.#sessions.size;
  }

  /** Runs until the signal: heartbeats, and what other isolates commit. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.heartbeat.start(signal),
      this.core.feed.follow(
        () => this.follower.missed(),
        this.report,
        signal,
      ),
    ]);
  }

  /** What a new socket's events go to. */
  attend(caller: Caller, shown: Principal | null): Attend {
    return (port) => {
      const session: Session = new Session(
        this,
        port,
        caller,
        shown,
        () => this.#sessions.delete(session),
      );
      this.#sessions.add(session);
      if (this.#draining) session.end("draining", COME_BACK_MS);
      return session;
    };
  }

  /**
   * Sends every client away, to come back elsewhere or later. All in one turn, at 30 to 50 µs each: in the next,
   * `deno serve` has ended the sockets itself.
   */
  drain(): void {
    this.#draining = true;
    for (const session of [...this.#sessions]) {
      session.end("draining", Math.floor(Math.random() * COME_BACK_MS));
    }
  }
}
