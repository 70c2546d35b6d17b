// The socket port over node:http and npm ws: ws shakes hands, parses and closes; what is written goes past it.
import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { LIMITS } from "../../kv/limits.ts";
import { frameTexts } from "./frames.ts";
import {
  type Attend,
  type Packet,
  type SocketEvents,
  type SocketPort,
  SUBPROTOCOL,
} from "./port.ts";
import { cut } from "./reason.ts";

/** How long a peer has to answer a close frame before it is cut off. */
const CLOSE_MS = 3_000;

const NOTHING = Buffer.alloc(0);

const OPTIONS = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: LIMITS.bodyBytes,
  handleProtocols: (offered: Set<string>) =>
    offered.has(SUBPROTOCOL) && SUBPROTOCOL,
};

/** What ws refuses, by its error's code; every other one is a breach of the protocol (1002). */
const CLOSE_CODES: Readonly<Record<string, number>> = {
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
};

/** Turns upgrade requests into sockets. */
export class WsAcceptor {
  readonly #server: WebSocketServer;

  /** @param report is told what a session's handler threw */
  constructor(
    private readonly report: (thrown: unknown) => void,
    closeMs = CLOSE_MS,
  ) {
    // The types do not know `closeTimeout` yet.
    const options = { ...OPTIONS, closeTimeout: closeMs };
    this.#server = new WebSocketServer(options);
  }

  /**
   * Answers an upgrade of node:http, with 101 or, if it is none, with 400 or 405.
   *
   * @returns whether it became a socket; if so, `attend` has been called
   */
  accept(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    attend: Attend,
  ): boolean {
    let accepted = false;
    // Without a verifyClient that waits, all of this happens before it returns.
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      accepted = true;
      new WsPort(ws, socket, attend, this.report);
    });
    return accepted;
  }
}

interface Waiter {
  readonly bytes: number;
  resolve(): void;
}

class WsPort implements SocketPort {
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #report: (thrown: unknown) => void;
  readonly #events: SocketEvents | null;
  /** Frames that were parsed from bytes read before a pause took hold: a chunk's worth. */
  readonly #held: (string | null)[] = [];
  #paused = false;
  #releasing = false;
  /** We have ended it: nothing more is told but `closed`. */
  #ended = false;
  #fault: { readonly code: number; readonly reason: string } | null = null;
  #waiters: Waiter[] = [];

  constructor(
    ws: WebSocket,
    socket: Duplex,
    attend: Attend,
    report: (thrown: unknown) => void,
  ) {
    this.#ws = ws;
    this.#socket = socket;
    this.#report = report;
    ws.on("message", (data, isBinary) => this.#receive(data, isBinary));
    ws.on("error", (error) => this.#fault = faultOf(error));
    ws.on("close", (code, reason) => this.#close(code, reason));
    // Every byte counts, also those of a frame that takes long to come.
    socket.on("data", () => this.#tell((events) => events.alive()));
    this.#events = this.#guard(() => attend(this)) ?? null;
  }

  get buffered(): number {
    return this.#socket.writableLength;
  }

  write(packets: readonly Packet[]): void {
    // ws refuses to send after a close frame; what goes past it must do the same.
    if (this.#ended || this.#ws.readyState !== WebSocket.OPEN) return;
    // Corked, several buffers leave in one system call without being copied together; one alone is dearer so.
    const corked = packets.length > 1;
    if (corked) this.#socket.cork();
    for (const packet of packets) {
      if (packet.texts.length === 0) continue;
      packet.wire ??= frameTexts(packet.texts);
      this.#socket.write(packet.wire);
    }
    if (corked) this.#socket.uncork();
  }

  whenDrained(bytes: number): Promise<void> {
    if (this.buffered <= bytes || this.#socket.destroyed) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      if (this.#waiters.push({ bytes, resolve }) === 1) this.#mark();
    });
  }

  ping(): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.ping();
  }

  close(code: number, reason: string): void {
    this.#ended = true;
    // Reading goes on, or the peer's answer would never be seen.
    this.#ws.resume();
    this.#guard(() => this.#ws.close(code, cut(reason)));
  }

  terminate(): void {
    this.#ended = true;
    this.#ws.terminate();
  }

  pause(): void {
    if (this.#ended) return;
    this.#paused = true;
    this.#ws.pause();
  }

  resume(): void {
    if (!this.#paused || this.#ended) return;
    this.#paused = false;
    // A handler that pauses and resumes in one go must not start a second loop inside this one.
    if (this.#releasing) return;
    this.#releasing = true;
    this.#tell((events) => events.alive());
    while (!this.#paused && this.#held.length > 0) {
      this.#deliver(this.#held.shift() ?? null);
    }
    this.#releasing = false;
    if (!this.#paused) this.#ws.resume();
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#ended) return;
    const frame = isBinary ? null : data.toString();
    if (this.#paused || this.#releasing) this.#held.push(frame);
    else this.#deliver(frame);
  }

  #deliver(frame: string | null): void {
    this.#tell((events) =>
      frame === null ? events.binary() : events.text(frame)
    );
  }

  #tell(event: (events: SocketEvents) => void): void {
    const events = this.#events;
    if (events !== null && !this.#ended) this.#guard(() => event(events));
  }

  #close(code: number, reason: Buffer): void {
    this.#ended = true;
    this.#held.length = 0;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
    const { code: told, reason: why } = this.#fault ??
      { code, reason: reason.toString() };
    this.#guard(() => this.#events?.closed(told, why));
  }

  /** An exception in an event handler would end the process: it ends this socket instead. */
  #guard<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (thrown) {
      this.#report(thrown);
      this.#ended = true;
      this.#ws.close(1011, "");
    }
  }

  /** Has `taken` called when all that was written is. A callback of each write would cost every socket what few need. */
  #mark(): void {
    const { writableEnded, destroyed } = this.#socket;
    if (!writableEnded && !destroyed) this.#socket.write(NOTHING, this.#taken);
  }

  readonly #taken = (): void => {
    const buffered = this.buffered;
    const waiting = this.#waiters;
    this.#waiters = waiting.filter(({ bytes }) => bytes < buffered);
    for (const { bytes, resolve } of waiting) {
      if (bytes >= buffered) resolve();
    }
    // What was written meanwhile waits, too.
    if (this.#waiters.length > 0) this.#mark();
  };
}

function faultOf(error: Error & { readonly code?: string }) {
  return { code: CLOSE_CODES[error.code ?? ""] ?? 1002, reason: error.message };
}
