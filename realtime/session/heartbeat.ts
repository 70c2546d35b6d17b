// Who is still there: one timer and one queue ping all sockets, and tell which of them have gone silent.
import type { Clock } from "../../kv/clock.ts";
import { LIMITS } from "../../kv/limits.ts";
import { Attention, TICK_MS } from "./attention.ts";

/** A tick this late was not the clients' silence but ours: the process slept or was blocked. */
const FROZEN_MS = 10_000;
/** Silence for this long is death. */
const PATIENCE_MS = 2 * LIMITS.heartbeatMs;

/** Somebody the heartbeat watches over. */
export interface Patient {
  ping(): void;
  /** Called once, when nothing was heard for two intervals; it is watched no longer. */
  silent(): void;
}

/** One patient's place in the queue. */
export class Pulse {
  heardAt: number;
  dueAt: number;

  constructor(
    readonly patient: Patient,
    private readonly clock: Clock,
  ) {
    this.heardAt = clock.elapsed();
    this.dueAt = this.heardAt + LIMITS.heartbeatMs;
  }

  /** Something was heard. */
  beat(): void {
    this.heardAt = this.clock.elapsed();
  }
}

/**
 * Since all intervals are equal the queue is in order by itself: a patient that answers costs one step
 * per interval. One that does not is given up within a tick after its time.
 */
export class Heartbeat {
  // A set keeps the order of insertion and lets one go from the middle.
  readonly #queue = new Set<Pulse>();
  /** Those who had not answered the last ping when the next was due: few, and looked at each tick. */
  readonly #suspects = new Set<Pulse>();
  /** Told of each tick, so that others may reckon by it. */
  readonly attention: Attention;
  /** What was said before this moment may lie unread: nobody was silent yet. */
  #listeningSince: number;

  /** @param report is told what a patient threw; the others are looked after all the same */
  constructor(
    private readonly clock: Clock,
    private readonly report: (thrown: unknown) => void,
  ) {
    this.attention = new Attention(clock);
    this.#listeningSince = clock.elapsed();
  }

  get size(): number {
    return this.#queue.size;
  }

  /** Watches over a patient until `leave`, or until it is silent. */
  join(patient: Patient): Pulse {
    const pulse = new Pulse(patient, this.clock);
    this.#queue.add(pulse);
    return pulse;
  }

  leave(pulse: Pulse): void {
    this.#queue.delete(pulse);
    this.#suspects.delete(pulse);
  }

  /** Ticks until the signal; then resolves. */
  async start(signal: AbortSignal): Promise<void> {
    this.attention.tick();
    this.#listeningSince = this.clock.elapsed();
    while (!signal.aborted) {
      await this.clock.sleep(TICK_MS, signal).then(() => this.tick(), () => {});
    }
  }

  /** Gives up who was silent for too long, and pings all who are due. */
  tick(): void {
    const now = this.clock.elapsed();
    if (this.attention.tick() > FROZEN_MS) this.#listeningSince = now;
    for (const pulse of this.#suspects) {
      const silence = this.#silenceOf(pulse, now);
      if (silence < LIMITS.heartbeatMs) this.#suspects.delete(pulse);
      else if (silence >= PATIENCE_MS) {
        this.leave(pulse);
        this.#guard(() => pulse.patient.silent());
      }
    }
    for (const pulse of this.#queue) {
      if (pulse.dueAt > now) break;
      this.#queue.delete(pulse);
      this.#queue.add(pulse);
      pulse.dueAt = now + LIMITS.heartbeatMs;
      if (this.#silenceOf(pulse, now) >= LIMITS.heartbeatMs) {
        this.#suspects.add(pulse);
      }
      this.#guard(() => pulse.patient.ping());
    }
  }

  #silenceOf(pulse: Pulse, now: number): number {
    return now - Math.max(pulse.heardAt, this.#listeningSince);
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (thrown) {
      this.report(thrown);
    }
  }
}
