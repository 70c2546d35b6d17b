// Sessions believed for a moment: whether one lives, and whose it is.
import type { Clock } from "../clock.ts";
import { Refused } from "../errors.ts";
import type { Store } from "../store.ts";
import type { Identity } from "./access_tokens.ts";
import { Believed } from "./believed.ts";
import { getSession, isLive } from "./sessions.ts";

interface Owned {
  readonly user: string;
  readonly expiresAt: number;
}

export class SessionCache {
  readonly #sessions: Believed<Owned>;

  constructor(store: Store, clock: Clock) {
    this.#sessions = new Believed(
      clock,
      async (id) => {
        const session = await getSession(store, clock, id);
        return session &&
          { user: session.user, expiresAt: session.expiresAt };
      },
      (session) => isLive(session, clock.now()),
    );
  }

  /** Throws `unauthenticated` unless the session exists, belongs to the user and has not expired. */
  async requireLive({ user, session }: Identity): Promise<void> {
    const owner = this.#sessions.recall(session) ??
      await this.#sessions.read(session);
    if (owner?.user !== user) {
      throw new Refused("unauthenticated", "The session has ended.");
    }
  }

  /** Whether `requireLive` would answer without reading: then a hot path need not wait at all. */
  isFresh(session: string): boolean {
    return this.#sessions.recall(session) !== null;
  }

  /** To be called when a session is known to have ended; a reading under way is not believed either. */
  forget(session: string): void {
    this.#sessions.forget(session);
  }
}
