// What a socket was told, counted by looking at bytes: JSON is not parsed, and most events are not even looked at.
import type { Buffer } from "node:buffer";
import { readDigits } from "./digits.ts";

/** Where the server's frames begin; a text can't hold it, since JSON escapes its quotes. */
const START = '{"type":"';
const NEXT = `,${START}`;
const REPLY = 'reply","id":"';
const ROOM = '","room":"';
const SEQ = '","seq":';
const STAMP = '"text":"@';

/** What is looked at of a frame to find its first event, and its last: enough for texts of 200 bytes. */
const HEAD_BYTES = 128;
const TAIL_BYTES = 1024;

const OBJECT = 0x7b;

export interface Listener {
  /** @param text the whole reply; valid as long as it is held */
  replied(id: number, ok: boolean, text: string): void;
  /** A message that was sent with this stamp; told by readers that look at every event. */
  delivered(stamp: number): void;
  /** An event that is not durable, such as `room.live`; not where it lies between events that are only counted. */
  told(type: string, text: string): void;
}

interface Place {
  readonly room: string;
  readonly seq: number;
}

/**
 * Durable events are counted by their numbers: those of one room must go on without a gap, or this throws,
 * so the first and the last of a frame tell how many it holds. Every event is looked at where `thorough`,
 * where several rooms are followed, and where a reply that is awaited may stand among them.
 */
export class Reader {
  /** Durable events so far. */
  events = 0;
  /** Replies that are still to come. */
  awaited = 0;
  /** Those that were awaited when the bytes now read arrived: what is asked meanwhile can't be answered in them. */
  #due = 0;
  readonly #heads = new Map<string, number>();
  /** The room spoken of last, so that the map is asked seldom. */
  #room = "";
  #head = 0;

  constructor(
    private readonly listener: Listener,
    private readonly thorough: boolean,
  ) {}

  /** The events of a room go on after this one. */
  expectAfter(room: string, seq: number): void {
    this.#enter("");
    this.#heads.set(room, seq);
  }

  headOf(room: string): number | undefined {
    return this.#room === room ? this.#head : this.#heads.get(room);
  }

  /** To be called before the frames of each piece that was read. */
  begin(): void {
    this.#due = this.awaited;
  }

  /** A text frame. */
  read(bytes: Buffer, start: number, end: number): void {
    const each = this.thorough || this.#due > 0 || this.#heads.size > 1;
    if (each || !this.#count(bytes, start, end)) {
      this.#readEach(bytes.toString("latin1", start, end));
    }
  }

  /** Counts by the first and the last event. False where that can't be told of this frame. */
  #count(bytes: Buffer, start: number, end: number): boolean {
    const alone = bytes[start] === OBJECT;
    const head = bytes.toString(
      "latin1",
      alone ? start : start + 1,
      Math.min(end, start + HEAD_BYTES),
    );
    const first = this.#placeOf(head, 0);
    if (first === null) return false;
    if (alone) {
      this.#advance(first, first.seq);
      return true;
    }
    const tail = bytes.toString(
      "latin1",
      Math.max(start, end - TAIL_BYTES),
      end,
    );
    const at = tail.lastIndexOf(START);
    const last = at < 0 ? null : this.#placeOf(tail, at);
    if (last === null || last.room !== first.room) return false;
    this.#advance(first, last.seq);
    return true;
  }

  #readEach(text: string): void {
    const end = text.startsWith("[") ? text.length - 1 : text.length;
    let at = text.indexOf(START);
    while (at >= 0) {
      const comma = text.indexOf(NEXT, at + START.length);
      this.#readOne(text, at, comma < 0 ? end : comma);
      at = comma < 0 ? -1 : comma + 1;
    }
  }

  #readOne(text: string, at: number, end: number): void {
    if (text.startsWith(REPLY, at + START.length)) {
      return this.#readReply(text.slice(at, end));
    }
    const place = this.#placeOf(text, at);
    if (place === null) {
      const typeAt = at + START.length;
      const type = text.slice(typeAt, text.indexOf('"', typeAt));
      return this.listener.told(type, text.slice(at, end));
    }
    this.#advance(place, place.seq);
    const stampAt = text.indexOf(STAMP, at);
    if (stampAt < 0 || stampAt > end) return;
    this.listener.delivered(readDigits(text, stampAt + STAMP.length));
  }

  #readReply(text: string): void {
    const idAt = START.length + REPLY.length;
    const ok = text.startsWith('"ok":true', text.indexOf('"', idAt) + 2);
    this.awaited--;
    this.#due--;
    this.listener.replied(readDigits(text, idAt), ok, text);
  }

  /** Of the durable event at a place in a text, or null where it is something else. */
  #placeOf(text: string, at: number): Place | null {
    const typeEnd = text.indexOf('"', at + START.length);
    if (!text.startsWith(ROOM, typeEnd)) return null;
    const roomAt = typeEnd + ROOM.length;
    const same = this.#room !== "" && text.startsWith(this.#room, roomAt);
    const roomEnd = same
      ? roomAt + this.#room.length
      : text.indexOf('"', roomAt);
    if (!text.startsWith(SEQ, roomEnd)) return null;
    return {
      room: same ? this.#room : text.slice(roomAt, roomEnd),
      seq: readDigits(text, roomEnd + SEQ.length),
    };
  }

  #advance({ room, seq }: Place, last: number): void {
    if (room !== this.#room) this.#enter(room);
    if (seq !== this.#head + 1 || last < seq) {
      throw new Error(
        `After event ${this.#head} of a room came ${seq} to ${last}.`,
      );
    }
    this.events += last - this.#head;
    this.#head = last;
  }

  #enter(room: string): void {
    if (this.#room !== "") this.#heads.set(this.#room, this.#head);
    this.#room = room;
    this.#head = this.#heads.get(room) ?? 0;
  }
}
