// The doorbell: how isolates wake each other after a commit. What it was about they read in the feed.
import { keys } from "../keys.ts";
import type { Store } from "../store.ts";

export interface Doorbell {
  /** After a commit that was made here. */
  ring(): void;
  /** Calls `rung` when others rang, at least once for the last of several. Ends with the signal. */
  listen(rung: () => void, signal: AbortSignal): Promise<void>;
}

/** A watched row, which every commit that rings sets: heard wherever the database is. */
export class RowDoorbell implements Doorbell {
  constructor(private readonly store: Store) {}

  ring(): void {
    // The commit did.
  }

  listen(rung: () => void, signal: AbortSignal): Promise<void> {
    return this.store.watch(keys.bell(), rung, signal);
  }
}

/**
 * A channel among the isolates of one process, which an embedded database's are. Nobody hears himself: a watch would
 * have every isolate read row and feed again after each commit of its own.
 */
export class ChannelDoorbell implements Doorbell {
  #channel: BroadcastChannel | null = null;

  /** @param database its path: isolates on another one are not to be woken */
  constructor(private readonly database: string) {}

  ring(): void {
    this.#channel?.postMessage(null);
  }

  listen(rung: () => void, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const channel = new BroadcastChannel(`doorbell of ${this.database}`);
    channel.addEventListener("message", rung);
    this.#channel = channel;
    return new Promise((resolve) =>
      signal.addEventListener("abort", () => {
        this.#channel = null;
        channel.close();
        resolve();
      }, { once: true })
    );
  }
}
