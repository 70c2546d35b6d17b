// The socket port over Deno's native WebSocket, for `deno serve` and Deno Deploy. What the runtime leaves out is
// made up for here as far as it can be; docs/transports.md says what is left.
import { Buffer } from "node:buffer";
import { LIMITS } from "../../kv/limits.ts";
import type { Attend, Packet, SocketEvents, SocketPort } from "./port.ts";
import { breachOf } from "./native_errors.ts";
import { cut } from "./reason.ts";

/**
 * For `Deno.upgradeWebSocket`: after half of this silence the runtime pings, after all of it it cuts the peer
 * off. So its rhythm is the heartbeat's.
 */
export const IDLE_SECONDS = 2 * LIMITS.heartbeatMs / 1000;

/** How long a peer has to answer a close frame before nobody waits for it any more. */
const CLOSE_MS = 3_000;
/** How often the runtime is asked what it has left to send, while somebody waits for that. */
const POLL_MS = 10;
/** What is kept for a paused session. The runtime reads on, so a client that sends more is sent away. */
const HELD_BYTES = 4 * LIMITS.bodyBytes;
const HELD_FRAMES = 1_000;
/** "Too slow" in the protocol's words: such a client may come back, which it would not know from a 1008. */
const TOO_SLOW = 4008;

/**
 * Makes a session's socket of a native one. To be called in its `open` event, before anything is read.
 *
 * @param report is told what a session's handler threw
 */
export function attendNative(
  socket: WebSocket,
  attend: Attend,
  report: (thrown: unknown) => void,
  closeMs = CLOSE_MS,
): void {
  new NativePort(socket, attend, report, closeMs);
}

interface Ending {
  readonly code: number;
  readonly reason: string;
}

class NativePort implements SocketPort {
  readonly #socket: WebSocket;
  readonly #report: (thrown: unknown) => void;
  readonly #closeMs: number;
  readonly #events: SocketEvents | null;
  /** Frames that came during a pause; null is a binary one. */
  #held: (string | null)[] = [];
  #heldBytes = 0;
  #paused = false;
  #releasing = false;
  /** We have ended it: nothing more is told but `closed`. */
  #ended = false;
  /** `closed` was told. */
  #over = false;
  #fault: Ending | null = null;
  #closeDue: ReturnType<typeof setTimeout> | undefined;
  /** All bytes handed to the runtime, and how many of them were taken when last looked at. */
  #written = 0;
  #taken = -1;
  #waiters: { readonly bytes: number; resolve(): void }[] = [];
  #poll: ReturnType<typeof setInterval> | undefined;

  constructor(
    socket: WebSocket,
    attend: Attend,
    report: (thrown: unknown) => void,
    closeMs: number,
  ) {
    this.#socket = socket;
    this.#report = report;
    this.#closeMs = closeMs;
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onerror = (event) => this.#fault ??= breachOf(event);
    socket.onclose = (event) => this.#finish(event.wasClean ? event : BROKEN);
    this.#events = this.#guard(() => attend(this)) ?? null;
  }

  get buffered(): number {
    return this.#ended ? 0 : this.#socket.bufferedAmount;
  }

  write(packets: readonly Packet[]): void {
    if (this.#ended) return;
    const before = this.buffered;
    for (const { texts } of packets) {
      for (const text of texts) this.#socket.send(text);
    }
    // Nothing is taken before the turn ends, so the difference is what was written.
    this.#written += this.buffered - before;
  }

  whenDrained(bytes: number): Promise<void> {
    if (this.buffered <= bytes) return Promise.resolve();
    this.#poll ??= setInterval(() => this.#lookAtDrain(), POLL_MS);
    return new Promise((resolve) => this.#waiters.push({ bytes, resolve }));
  }

  /**
   * The runtime pings by itself and shows us no pong; it cuts off who does not answer. So whom it keeps is
   * alive, but for one case that it does not see: its ping waits behind what the peer does not read.
   */
  ping(): void {
    if (this.#ended) return;
    const taken = this.#written - this.buffered;
    if (this.buffered === 0 || taken > this.#taken) this.#beat();
    this.#taken = taken;
  }

  close(code: number, reason: string): void {
    if (this.#ended) return;
    this.#end();
    // A frame that was read together with the present one would end the connection before the runtime
    // has written ours, so those have their turn first. It then waits for an answer for ever: we do not.
    this.#closeDue = setTimeout(() => {
      this.#closeDue = setTimeout(() => this.#finish(BROKEN), this.#closeMs);
      this.#socket.close(code, cut(reason));
    });
  }

  /** The runtime cannot cut a connection off: it says goodbye, and we are done with it whatever comes. */
  terminate(): void {
    if (this.#over) return;
    this.#end();
    this.#socket.close();
    queueMicrotask(() => this.#finish(BROKEN));
  }

  pause(): void {
    this.#paused = !this.#ended;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // A handler that pauses and resumes in one go must not start a second loop inside this one.
    if (this.#releasing) return;
    this.#releasing = true;
    this.#beat();
    while (!this.#paused && this.#held.length > 0) {
      const frame = this.#held.shift() ?? null;
      this.#heldBytes -= frame?.length ?? 0;
      this.#deliver(frame);
    }
    this.#releasing = false;
  }

  #receive(data: unknown): void {
    if (this.#ended) return;
    const frame = typeof data === "string" ? data : null;
    // The runtime has no cap of its own: what is too large has been read, but goes no further.
    if (sizeOf(data) > LIMITS.bodyBytes) {
      return this.#refuse({ code: 1009, reason: "Message too large" });
    }
    this.#beat();
    if (!this.#paused && !this.#releasing) return this.#deliver(frame);
    this.#held.push(frame);
    this.#heldBytes += frame?.length ?? 0;
    if (this.#heldBytes > HELD_BYTES || this.#held.length > HELD_FRAMES) {
      this.#refuse({ code: TOO_SLOW, reason: "too_slow" });
    }
  }

  #refuse(fault: Ending): void {
    this.#fault = fault;
    this.close(fault.code, fault.reason);
  }

  #deliver(frame: string | null): void {
    this.#tell((events) =>
      frame === null ? events.binary() : events.text(frame)
    );
  }

  #beat(): void {
    this.#tell((events) => events.alive());
  }

  #tell(event: (events: SocketEvents) => void): void {
    const events = this.#events;
    if (events !== null && !this.#ended) this.#guard(() => event(events));
  }

  #lookAtDrain(): void {
    const { buffered } = this;
    const waiting = this.#waiters;
    this.#waiters = waiting.filter((waiter) => waiter.bytes < buffered);
    for (const waiter of waiting) {
      if (waiter.bytes >= buffered) waiter.resolve();
    }
    if (this.#waiters.length > 0) return;
    clearInterval(this.#poll);
    this.#poll = undefined;
  }

  /** Nothing more goes in or out: what was held is dropped, nobody waits. */
  #end(): void {
    this.#ended = true;
    this.#paused = false;
    this.#held = [];
    this.#lookAtDrain();
  }

  /** The runtime may tell of an end twice, or never. */
  #finish(ending: Ending): void {
    if (this.#over) return;
    this.#over = true;
    this.#end();
    clearTimeout(this.#closeDue);
    const { code, reason } = this.#fault ?? ending;
    this.#guard(() => this.#events?.closed(code, reason));
  }

  /** An exception in an event handler would end the process: it ends this socket instead. */
  #guard<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (thrown) {
      this.#report(thrown);
      if (!this.#over) this.close(1011, "");
    }
  }
}

const BROKEN: Ending = { code: 1006, reason: "" };

/** Bytes of a message. Short texts, which are nearly all, are not counted: they are within any limit. */
function sizeOf(data: unknown): number {
  if (typeof data === "string") {
    return data.length * 3 <= LIMITS.bodyBytes ? 0 : Buffer.byteLength(data);
  }
  return data instanceof ArrayBuffer ? data.byteLength : 0;
}
