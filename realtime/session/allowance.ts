// How much a socket may ask for: by itself, and together with its user's other sockets.
import type { Principal } from "../../kv/principal.ts";
import {
  type Bucket,
  BY_USER,
  kindFor,
  type RateLimits,
} from "../../kv/rates.ts";

/** How many refusals for too many commands are answered before the socket is closed. */
const PATIENCE = 100;

export class Allowance {
  readonly #commands: Bucket;
  readonly #badFrames: Bucket;
  #refused = 0;

  constructor(private readonly rates: RateLimits) {
    this.#commands = rates.bucket("commands");
    this.#badFrames = rates.bucket("badFrames", true);
  }

  /** Null where one more command may come, else the milliseconds until it may. */
  takeCommand(): number | null {
    const waitMs = this.#commands.take();
    if (waitMs === null && this.#refused > 0) this.#refused--;
    return waitMs;
  }

  /** The same of what a user may do on all sockets. Before hello there is no user. */
  takeByUser(principal: Principal | undefined, type: string): number | null {
    if (principal === undefined) return null;
    const { user } = principal;
    const kind = BY_USER[type];
    return this.rates.take(kindFor("userCommands", principal), user) ??
      (kind === undefined
        ? null
        : this.rates.take(kindFor(kind, principal), user));
  }

  /** One more refusal for too many commands. False where it was one too many. */
  bears(): boolean {
    return ++this.#refused < PATIENCE;
  }

  /** One more frame that is no command. False where it was one too many. */
  forgives(): boolean {
    return this.#badFrames.take() === null;
  }
}
