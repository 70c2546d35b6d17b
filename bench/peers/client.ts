// One Socket.IO client: joins a room, sends its messages one after the other with their time in them, and counts what comes.
import type { Buffer } from "node:buffer";
import type { Enter, Member } from "../generator/crowd.ts";
import { Envelope, NUMBER, TEXT } from "../generator/envelope.ts";
import { textFrame } from "../generator/frames.ts";
import { Socket, type SocketListener } from "../generator/socket.ts";
import { type Listener, Reader } from "./reader.ts";

const PONG_FRAME = textFrame("3");
/** Of what is asked before messages, whose numbers begin with 1. */
const JOIN = 0;

type Watcher = Parameters<Enter>[2];

export class SocketIoClient implements Member, SocketListener, Listener {
  readonly reader: Reader;
  #socket!: Socket;
  #answered = Promise.withResolvers<void>();
  #envelope: Envelope | null = null;
  #sent = 0;
  #acknowledged = 0;
  #acknowledgedSeq = 0;
  #dueAt = 0;

  private constructor(private readonly watcher: Watcher, thorough: boolean) {
    this.reader = new Reader(this, thorough);
  }

  /** Connects and joins the room. */
  static readonly enter: Enter = async (url, seat, watcher, { thorough }) => {
    const client = new SocketIoClient(watcher, thorough);
    client.#socket = await Socket.open(url, client);
    await client.#answered.promise;
    await client.#ask(`40${JSON.stringify({ name: seat.token })}`);
    await client.#ask(`42${JOIN}${JSON.stringify(["join", seat.room])}`);
    return client;
  };

  get inFlight(): number {
    return this.#sent - this.#acknowledged;
  }

  get acknowledgedCount(): number {
    return this.#acknowledged;
  }

  get acknowledgedSeq(): number {
    return this.#acknowledgedSeq;
  }

  send(room: string, dueAt = performance.now()): void {
    if (this.inFlight > 0) {
      throw new Error("A client had two messages in flight.");
    }
    this.#envelope ??= new Envelope(messageTo(room));
    this.#dueAt = dueAt;
    this.#socket.send(this.#envelope.write(++this.#sent, dueAt));
  }

  close(): void {
    this.#socket.close();
  }

  begin(): void {}

  text(bytes: Buffer, start: number, end: number): void {
    this.reader.read(bytes, start, end);
  }

  failed(fault: unknown): void {
    this.#answered.reject(fault);
    this.watcher.failed(fault);
  }

  greeted(): void {
    this.#answered.resolve();
  }

  pinged(): void {
    this.#socket.send(PONG_FRAME);
  }

  acknowledged(id: number, seq: number): void {
    if (id === JOIN) return this.#answered.resolve();
    if (id !== this.#sent || this.inFlight === 0) {
      throw new Error(`Message ${id} was acknowledged out of turn.`);
    }
    this.#acknowledged = id;
    this.#acknowledgedSeq = seq;
    this.watcher.acknowledged(this, performance.now() - this.#dueAt);
  }

  delivered(stamp: number): void {
    this.watcher.delivered(performance.now() - Envelope.timeOf(stamp));
  }

  #ask(packet: string): Promise<void> {
    this.#answered = Promise.withResolvers<void>();
    this.#socket.send(textFrame(packet));
    return this.#answered.promise;
  }
}

/** The event that sends a message, for an envelope. */
function messageTo(room: string): string {
  return `42${NUMBER}${JSON.stringify(["message", { room, text: TEXT }])}`;
}
