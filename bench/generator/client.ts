// One signed-in client: says hello, asks, sends messages that carry their time, and counts what comes.
import { Buffer } from "node:buffer";
import { textFrame } from "./frames.ts";
import { Envelope, NUMBER, TEXT } from "./envelope.ts";
import { type Listener, Reader } from "./reader.ts";
import { Socket, type SocketListener } from "./socket.ts";

/** Where a client stands in its rooms: what `hello` takes to resume. */
export type Places = Readonly<
  Record<string, { readonly epoch: string; readonly seq: number }>
>;

/** What `hello` answers, as far as it is read here. */
export interface Welcome {
  readonly rooms: readonly {
    readonly id: string;
    readonly epoch: string;
    readonly seq: number;
  }[];
  readonly resumed: readonly string[];
}

export interface Watcher<Watched = Client> {
  /** A message was acknowledged so many milliseconds after it was due. */
  acknowledged?(client: Watched, ms: number): void;
  /** A message came, so many milliseconds after it was due; told by thorough clients only. */
  delivered?(ms: number): void;
  /** An event came that is not durable. */
  told?(client: Watched, type: string): void;
  failed(fault: unknown): void;
}

export interface ClientOptions {
  readonly batch: boolean;
  /** Looks at every event. */
  readonly thorough?: boolean;
  readonly resume?: Places;
  /** What `send` sends; messages, unless it is something else. */
  readonly saying?: Saying;
}

/** The command that is sent, for an envelope; each client has a `life` of its own. */
export type Saying = (room: string, life: number) => string;

/** As many may be in flight on one socket. */
const IN_FLIGHT = 64;
/** Under which everything is asked but messages, whose numbers begin with 1. */
const ASKED = 0;
const REPEATED = '"duplicate":true';

export class Client implements SocketListener, Listener {
  static #made = 0;

  readonly reader: Reader;
  /** Whoever comes back must not say again what was said. */
  readonly #life = ++Client.#made;
  #socket!: Socket;
  #envelope: Envelope | null = null;
  #sent = 0;
  #acknowledged = 0;
  /** When each message in flight was due, at its number's place; NaN where none is. */
  readonly #dueAt = new Float64Array(IN_FLIGHT).fill(NaN);
  #answer: ((text: string) => void) | null = null;
  #lastReply = "";
  #saying: Saying = messageTo;

  private constructor(
    private readonly watcher: Watcher,
    thorough: boolean,
  ) {
    this.reader = new Reader(this, thorough);
  }

  /** Connects; `hello` comes next. */
  static async connect(
    url: string,
    watcher: Watcher,
    thorough = false,
  ): Promise<Client> {
    const client = new Client(watcher, thorough);
    client.#socket = await Socket.open(url, client);
    return client;
  }

  /** Connects and says hello; events of the rooms that were listed are expected from there on. */
  static async open(
    url: string,
    token: string,
    watcher: Watcher,
    { thorough, saying = messageTo, ...hello }: ClientOptions,
  ): Promise<Client> {
    const client = await Client.connect(url, watcher, thorough);
    client.#saying = saying;
    await client.hello(token, hello);
    return client;
  }

  async hello(
    token: string,
    { batch, resume = {} }: ClientOptions,
  ): Promise<Welcome> {
    for (const [room, { seq }] of Object.entries(resume)) {
      this.reader.expectAfter(room, seq);
    }
    // Events may follow on the reply at once, so it is read where it is found.
    let welcome: Welcome | undefined;
    await this.ask("hello", { token, resume, batch }, (reply) => {
      welcome = JSON.parse(reply).data as Welcome;
      for (const { id, seq } of welcome.rooms) {
        if (!(id in resume)) this.reader.expectAfter(id, seq);
      }
    });
    return welcome!;
  }

  /** One command after the other. */
  ask(
    type: string,
    data: unknown,
    answered: (reply: string) => void = () => {},
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answer = (reply) => {
      answered(reply);
      resolve();
    };
    this.reader.awaited++;
    this.#socket.send(
      textFrame(JSON.stringify({ type, id: String(ASKED), data })),
    );
    return promise;
  }

  /** Sends a message, or what else it says, to a room, always the same one. Its time counts from when it was due. */
  send(room: string, dueAt = performance.now()): void {
    const id = this.#sent + 1;
    if (!Number.isNaN(this.#dueAt[id % IN_FLIGHT]!)) {
      throw new Error("A client had too many messages in flight.");
    }
    this.#envelope ??= new Envelope(this.#saying(room, this.#life));
    this.#sent = id;
    this.#dueAt[id % IN_FLIGHT] = dueAt;
    this.reader.awaited++;
    this.#socket.send(this.#envelope.write(id, dueAt));
  }

  get inFlight(): number {
    return this.#sent - this.#acknowledged;
  }

  get acknowledgedCount(): number {
    return this.#acknowledged;
  }

  /** The `seq` of the message that was acknowledged last, 0 where there is none. */
  get acknowledgedSeq(): number {
    return this.#lastReply === "" ? 0 : JSON.parse(this.#lastReply).data.seq;
  }

  close(): void {
    this.#socket.close();
  }

  begin(): void {
    this.reader.begin();
  }

  text(bytes: Buffer, start: number, end: number): void {
    this.reader.read(bytes, start, end);
  }

  failed(fault: unknown): void {
    this.watcher.failed(fault);
  }

  replied(id: number, ok: boolean, text: string): void {
    if (!ok) throw new Error(`The server refused: ${text}`);
    if (id === ASKED) {
      const answer = this.#answer;
      this.#answer = null;
      return answer?.(text);
    }
    if (text.includes(REPEATED)) throw new Error("A message was a repeat.");
    const place = id % IN_FLIGHT;
    const dueAt = this.#dueAt[place]!;
    if (id > this.#sent || Number.isNaN(dueAt)) {
      throw new Error(`Message ${id} was acknowledged out of turn.`);
    }
    this.#dueAt[place] = NaN;
    this.#acknowledged++;
    this.#lastReply = text;
    this.watcher.acknowledged?.(this, performance.now() - dueAt);
  }

  delivered(stamp: number): void {
    this.watcher.delivered?.(performance.now() - Envelope.timeOf(stamp));
  }

  told(type: string): void {
    this.watcher.told?.(this, type);
  }
}

/** A message; life and number make a `clientId` as long as the ULIDs that clients make. */
export function messageTo(room: string, life: number): string {
  const clientId = `01J${String(life).padStart(15, "0")}${NUMBER}`;
  const data = { room, clientId, text: TEXT };
  return JSON.stringify({ type: "message.send", id: NUMBER, data });
}

/** As many bytes, of which nothing is stored. */
export function pingOf(room: string): string {
  const data = { room, text: TEXT };
  return JSON.stringify({ type: "ping", id: NUMBER, data });
}
