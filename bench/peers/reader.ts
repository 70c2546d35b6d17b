// What a Socket.IO client was told, read by looking at the beginnings of packets: Engine.IO 4 and Socket.IO 5, as text.
import type { Buffer } from "node:buffer";
import { readDigits } from "../generator/digits.ts";

/** Engine.IO's own: the connection is open; are you there? */
const OPEN = "0{";
const PING = "2";
/** Socket.IO's, within messages of Engine.IO (4): connected, an acknowledgement, an event. */
const CONNECTED = "40{";
const ACK = "43";
const MESSAGE = '42["message",{"seq":';

const OK = '[{"ok":true';
const SEQ = ',"seq":';
const STAMP = '"text":"@';

/** Enough for everything that is looked at but the text. */
const HEAD_BYTES = 64;

export interface Listener {
  /** The connection is open; after that, whoever connects is let in. */
  greeted(): void;
  pinged(): void;
  /** @param seq of the message that is stored; 0 where it was no message that was asked for */
  acknowledged(id: number, seq: number): void;
  /** A message that was sent with this stamp; told by thorough readers. */
  delivered(stamp: number): void;
}

/**
 * Messages of the one room are counted by their numbers, which begin with 1. They may come in any order, for the database
 * numbers them before the connection that stored one has answered, but none may come twice.
 */
export class Reader {
  readonly #seqs = new Set<number>();
  #highest = 0;

  constructor(
    private readonly listener: Listener,
    private readonly thorough: boolean,
  ) {}

  get events(): number {
    return this.#seqs.size;
  }

  /** The highest number, once all below have come. */
  headOf(_room: string): number | undefined {
    return this.#seqs.size === this.#highest ? this.#highest : undefined;
  }

  /** A text frame, which holds one packet. */
  read(bytes: Buffer, start: number, end: number): void {
    const looked = this.thorough ? end : Math.min(end, start + HEAD_BYTES);
    const packet = bytes.toString("latin1", start, looked);
    if (packet.startsWith(MESSAGE)) this.#readMessage(packet);
    else if (packet.startsWith(ACK)) this.#readAck(packet);
    else if (packet === PING) this.listener.pinged();
    else if (packet.startsWith(OPEN) || packet.startsWith(CONNECTED)) {
      this.listener.greeted();
    } else throw new Error(`The peer sent ${packet}`);
  }

  #readMessage(packet: string): void {
    const seq = readDigits(packet, MESSAGE.length);
    if (this.#seqs.has(seq)) throw new Error(`Message ${seq} came twice.`);
    this.#seqs.add(seq);
    this.#highest = Math.max(this.#highest, seq);
    if (!this.thorough) return;
    const stampAt = packet.indexOf(STAMP);
    if (stampAt < 0) return;
    this.listener.delivered(readDigits(packet, stampAt + STAMP.length));
  }

  #readAck(packet: string): void {
    const answerAt = packet.indexOf("[");
    if (!packet.startsWith(OK, answerAt)) {
      throw new Error(`The peer refused: ${packet}`);
    }
    const seqAt = answerAt + OK.length;
    this.listener.acknowledged(
      readDigits(packet, ACK.length),
      packet.startsWith(SEQ, seqAt)
        ? readDigits(packet, seqAt + SEQ.length)
        : 0,
    );
  }
}
