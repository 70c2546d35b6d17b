// What every operation is given: the store and the few long-lived things above it.
import type { Accounts } from "./accounts/accounts.ts";
import type { Clock } from "./clock.ts";
import type { Feed } from "./log/feed.ts";
import type { RoomLogs } from "./log/writer.ts";
import type { Store } from "./store.ts";

export interface Core {
  readonly store: Store;
  readonly clock: Clock;
  /** For commits outside the rooms' logs that others must hear of. */
  readonly feed: Feed;
  /** The rooms' writers: the only way to change a room. */
  readonly logs: RoomLogs;
  /** Password hashing, tokens, and the sessions that are believed for a moment. */
  readonly accounts: Accounts;
}
