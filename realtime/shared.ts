// What all sessions of this isolate share.
import type { Core } from "../kv/core.ts";
import type { RateLimits } from "../kv/rates.ts";
import type { Follower } from "./follower.ts";
import type { Hub } from "./hub.ts";
import type { RecentPages } from "./recent_pages.ts";
import type { Heartbeat } from "./session/heartbeat.ts";
import type { Turn } from "./session/turn.ts";

export interface Shared {
  readonly core: Core;
  readonly hub: Hub;
  readonly follower: Follower;
  readonly pages: RecentPages;
  readonly heartbeat: Heartbeat;
  readonly rates: RateLimits;
  readonly turn: Turn;
  /** Is told what went wrong where no client is to blame. */
  report(thrown: unknown): void;
}
