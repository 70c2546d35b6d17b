// A socket's outgoing frames: gathered over one turn of the loop, written at its end in one go.
import { LIMITS } from "../../kv/limits.ts";
import { arrayFrames, type Chunk } from "../chunk.ts";
import type { Packet, SocketPort } from "../sockets/port.ts";
import type { Turn } from "./turn.ts";

/**
 * Keeps the order in which frames were given, private and shared ones alike. It holds nothing
 * beyond a turn: what waits longer waits in the port, where `backlog` counts it.
 */
export class Outbox {
  /** Whether the client takes array frames; `hello` says so. Holds for what is written from now on. */
  batch: boolean;
  readonly #port: SocketPort;
  readonly #turn: Turn;
  #due: (string | Chunk)[] = [];
  #dueSize = 0;

  constructor(port: SocketPort, { batch }: { batch: boolean }, turn: Turn) {
    this.#port = port;
    this.batch = batch;
    this.#turn = turn;
  }

  /** A frame for this socket alone: a reply, an event of its user. */
  push(frame: string): void {
    this.#add(frame, frame.length);
  }

  /** Events of a room, as other sockets get them too. */
  share(chunk: Chunk): void {
    this.#add(chunk, chunk.size);
  }

  /** A frame that may be missed: dropped while the socket is slow. */
  pushEphemeral(frame: string): void {
    if (this.backlog <= LIMITS.shedBytes) this.push(frame);
  }

  /** Bytes on their way and not yet taken by the network; those of this turn counted as if they were ASCII. */
  get backlog(): number {
    return this.#port.buffered + this.#dueSize;
  }

  /** So slow that nothing of a room should be pushed: let the socket read the log as it drains. */
  get lagging(): boolean {
    return this.backlog > LIMITS.lagBytes;
  }

  /** Writes what is due now instead of at the end of the turn; before a close, for instance. */
  flush(): void {
    const due = this.#due;
    if (due.length === 0) return;
    this.#due = [];
    this.#dueSize = 0;
    this.#port.write(this.#packetsOf(due));
  }

  #add(item: string | Chunk, size: number): void {
    if (this.#due.push(item) === 1) this.#turn.atEnd(this.#atEnd);
    this.#dueSize += size;
  }

  readonly #atEnd = (): void => this.flush();

  #packetsOf(due: readonly (string | Chunk)[]): Packet[] {
    const packets: Packet[] = [];
    let own: string[] = [];
    const closeOwn = () => {
      if (own.length > 0) {
        packets.push({ texts: this.batch ? arrayFrames(own) : own });
      }
      own = [];
    };
    for (const item of due) {
      if (typeof item === "string") own.push(item);
      else {
        closeOwn();
        packets.push(...(this.batch ? item.batched() : item.single()));
      }
    }
    closeOwn();
    return packets;
  }
}
