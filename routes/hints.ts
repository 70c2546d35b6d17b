// What whoever sets a server up has to know of requests that were refused: said in the log, and never as often as asked.
import type { Clock } from "../kv/clock.ts";
import type { Journal } from "../kv/journal.ts";

/** How long a hint is not said again. */
const EVERY_MS = 60_000;
const LENGTH = 120;

export class Hints {
  /** By event and reason, of which the server has a few: when it was said, on the monotonic clock. */
  readonly #saidAt = new Map<string, number>();

  constructor(
    private readonly clock: Pick<Clock, "elapsed">,
    private readonly journal: Pick<Journal, "info">,
  ) {}

  /**
   * Says it unless it was said a short while ago, in the last minute where nothing else is given.
   * @param reason one of a few fixed texts
   * @param sent what a stranger sent: it is cut and cleaned
   */
  tell(
    event: string,
    reason: string,
    sent: Readonly<Record<string, string>> = {},
    everyMs = EVERY_MS,
  ): void {
    const hint = `${event} ${reason}`;
    const now = this.clock.elapsed();
    if (now - (this.#saidAt.get(hint) ?? -Infinity) < everyMs) return;
    this.#saidAt.set(hint, now);
    const shown = Object.entries(sent)
      .map(([name, text]) => [name, clean(text)] as const);
    this.journal.info(event, { reason, ...Object.fromEntries(shown) });
  }
}

/** Nothing that a terminal or a second line could be made of. */
function clean(text: string): string {
  return text.slice(0, LENGTH).replace(/[^\x20-\x7e]/g, "?");
}
