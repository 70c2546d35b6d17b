// Sessions believed for a moment, so that not every request reads its session's row.
import type { Clock } from "../clock.ts";
import { Refused } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { Store } from "../store.ts";
import type { Identity } from "./access_tokens.ts";
import { getSession, type Session } from "./sessions.ts";

interface Believed {
  readonly user: string;
  readonly expiresAt: number;
  /** On the monotonic clock: when the reading began. */
  readonly readAt: number;
}

const REMEMBERED = 10_000;

export class SessionCache {
  readonly #believed = new Map<string, Believed>();
  readonly #reading = new Map<string, Promise<Session | null>>();

  constructor(
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  /** Throws `unauthenticated` unless the session exists, belongs to the user and has not expired. */
  async requireLive({ user, session }: Identity): Promise<void> {
    const believed = this.#getFresh(session);
    const owner = believed ?? await this.#read(session);
    if (owner?.user !== user) {
      throw new Refused("unauthenticated", "The session has ended.");
    }
  }

  /** Whether `requireLive` would answer without reading: then a hot path need not wait at all. */
  isFresh(session: string): boolean {
    return this.#getFresh(session) !== null;
  }

  /** To be called when a session is known to have ended; a reading under way is not believed either. */
  forget(session: string): void {
    this.#believed.delete(session);
    this.#reading.delete(session);
  }

  #getFresh(session: string): Believed | null {
    const believed = this.#believed.get(session);
    if (!believed) return null;
    const age = this.clock.elapsed() - believed.readAt;
    return age < LIMITS.sessionCacheMs && believed.expiresAt > this.clock.now()
      ? believed
      : null;
  }

  #read(id: string): Promise<Session | null> {
    const underway = this.#reading.get(id);
    if (underway) return underway;
    const readAt = this.clock.elapsed();
    const reading = getSession(this.store, this.clock, id)
      .then((session) => {
        // Forgotten meanwhile: whoever waits gets what was true when it asked, nobody else does.
        if (session && this.#reading.get(id) === reading) {
          this.#believe(id, { ...session, readAt });
        }
        return session;
      })
      .finally(() => {
        if (this.#reading.get(id) === reading) this.#reading.delete(id);
      });
    this.#reading.set(id, reading);
    return reading;
  }

  #believe(id: string, { user, expiresAt, readAt }: Believed): void {
    // Taken out first, so that the order of the map is the order of reading.
    this.#believed.delete(id);
    if (this.#believed.size >= REMEMBERED) {
      const [oldest] = this.#believed.keys();
      if (oldest !== undefined) this.#believed.delete(oldest);
    }
    this.#believed.set(id, { user, expiresAt, readAt });
  }
}
