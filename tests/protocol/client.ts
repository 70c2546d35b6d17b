// A client as anybody might write one, which holds every frame it gets against the documents.
import type { Buffer } from "node:buffer";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import { conformsToFrame } from "../documents/conforms.ts";
import { inTime } from "../in_time.ts";

/** A frame as parsed; tests look into it freely. */
// deno-lint-ignore no-explicit-any
export type Frame = any;

export interface ClientOptions {
  readonly headers?: Record<string, string>;
  /** Appended to the address, e.g. `?ticket=…`. */
  readonly query?: string;
  readonly protocols?: string[];
  /** Without it the client never answers a ping. */
  readonly autoPong?: boolean;
}

/** An error reply, thrown by `command`. */
export class ReplyError extends Error {
  constructor(readonly error: Frame) {
    super(`${error.code}: ${error.message}`);
  }
  get code(): string {
    return this.error.code;
  }
}

/** The connection has ended before what was waited for came. */
export class ClosedError extends Error {
  constructor({ code, reason }: { code: number; reason: string }) {
    super(`closed: ${code} ${reason}`);
  }
}

/** Null where the connection ended before an answer came. */
export async function unlessClosed<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ClosedError) return null;
    throw error;
  }
}

export class Client {
  readonly socket: WebSocket;
  /** Everything received, array frames taken apart, in order. */
  readonly frames: Frame[] = [];
  /** Resolves when the handshake is done, rejects with the HTTP status where it is refused. */
  readonly opened: Promise<void>;
  /** How long anything is waited for, where it is not the usual guard. */
  patienceMs: number | undefined;
  readonly #closed: Promise<{ code: number; reason: string }>;
  #waiting: { matches(frame: Frame): boolean; resolve(frame: Frame): void }[] =
    [];
  readonly #commands = new Map<string, string>();
  #next = 0;
  /** What did not fit the documents; rethrown by whatever is asked next. */
  #misfit: unknown = null;

  constructor(url: string, options: ClientOptions = {}) {
    const { headers = {}, query = "", protocols = [], autoPong = true } =
      options;
    this.socket = new WebSocket(url + query, protocols, {
      headers,
      autoPong,
      perMessageDeflate: false,
    });
    this.opened = new Promise((resolve, reject) => {
      this.socket.on("open", () => resolve());
      this.socket.on("unexpected-response", (request, { statusCode }) => {
        request.destroy();
        reject(new Error(String(statusCode)));
      });
      this.socket.on("error", reject);
    });
    this.opened.catch(() => {});
    this.#closed = new Promise((resolve) =>
      this.socket.on(
        "close",
        (code: number, reason: Buffer) =>
          resolve({ code, reason: reason.toString() }),
      )
    );
    this.socket.on("message", (data: Buffer) => this.#take(data.toString()));
  }

  /** How the connection ended, or will end. */
  get closed(): Promise<{ code: number; reason: string }> {
    return inTime(
      this.#closed,
      () => `the end of a socket; the last frames were: ${this.#lastFrames()}`,
      this.patienceMs,
    );
  }

  /** Sends a command and answers its reply's data. Throws {@link ReplyError}. */
  async command(type: string, data: unknown = {}): Promise<Frame> {
    const reply = await this.ask(type, data);
    if (!reply.ok) throw new ReplyError(reply.error);
    return reply.data;
  }

  /** Sends a command and answers the whole reply. */
  ask(type: string, data: unknown = {}): Promise<Frame> {
    const id = String(++this.#next);
    this.#commands.set(id, type);
    const reply = this.until((frame) =>
      frame.type === "reply" && frame.id === id
    );
    this.socket.send(JSON.stringify({ type, id, data }));
    return reply;
  }

  /** Sends text as it is. */
  send(text: string): void {
    this.socket.send(text);
  }

  /** The first frame, received already or to come, that matches; looks at frames from number `from` on. */
  until(matches: (frame: Frame) => boolean, from = 0): Promise<Frame> {
    if (this.#misfit) return Promise.reject(this.#misfit);
    const found = this.frames.slice(from).find(matches);
    if (found !== undefined) return Promise.resolve(found);
    const come = new Promise((resolve, reject) => {
      this.#waiting.push({ matches, resolve });
      void this.#closed.then((how) =>
        reject(this.#misfit ?? new ClosedError(how))
      );
    });
    return inTime(
      come,
      () => `a frame; the last ones were: ${this.#lastFrames()}`,
      this.patienceMs,
    );
  }

  /** As many as tell where a test is stuck. */
  #lastFrames(): string {
    const types = this.frames.slice(-8).map(({ type }) => type);
    return types.join(", ") || "none";
  }

  /** Durable events of a room, in the order received. */
  events(room: string): Frame[] {
    return this.frames.filter((frame) =>
      frame.room === room && frame.seq !== undefined
    );
  }

  /** Waits for the durable event `seq` of a room, received already or to come. */
  event(room: string, seq: number): Promise<Frame> {
    return this.until((frame) => frame.room === room && frame.seq === seq);
  }

  /** Everything the server had to say before this was said: a `ping` and its reply. */
  async settle(): Promise<void> {
    await this.command("ping");
  }

  /** Ends the connection without a word, as when the network goes. */
  async terminate(): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }

  /** Throws where something that was received did not fit the documents. */
  requireFit(): void {
    if (this.#misfit) throw this.#misfit;
  }

  #take(text: string): void {
    const parsed: Frame = JSON.parse(text);
    for (const frame of Array.isArray(parsed) ? parsed : [parsed]) {
      try {
        conformsToFrame(frame, this.#commands.get(frame.id));
      } catch (misfit) {
        this.#misfit ??= misfit;
        this.socket.terminate();
      }
      this.frames.push(frame);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const one of waiting) {
        if (one.matches(frame)) one.resolve(frame);
        else this.#waiting.push(one);
      }
    }
  }
}
