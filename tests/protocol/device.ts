// One device that talks in one room over a bad network, and keeps what any good client keeps:
// its place in the log, what was not answered yet, what was.
import assert from "node:assert/strict";
import { type Client, type Frame, unlessClosed } from "./client.ts";

/** What the server said a message became. */
export interface Stored {
  readonly messageId: string;
  readonly seq: number;
  readonly n: number;
  readonly at: string;
}

export interface Place {
  readonly epoch: string;
  readonly seq: number;
}

export interface DeviceOptions {
  readonly user: string;
  readonly token: string;
  readonly room: string;
  /** Where it begins to follow the room. */
  readonly from: Place;
  readonly batch: boolean;
}

/** What was told again as it was told before, which is what a lost answer looks like from here. */
export interface Tally {
  connections: number;
  /** Repeats of what was never answered that turned out to be stored. */
  lostAnswers: number;
  /** Repeats of what was answered. */
  repeats: number;
}

export class Device {
  /** The room's durable events in the order received, over all connections. */
  readonly events: Frame[] = [];
  /** What was sent, by `clientId`, in the order it was first sent. */
  readonly said = new Map<string, string>();
  /** What was acknowledged, by `clientId`. */
  readonly answers = new Map<string, Stored>();
  readonly tally: Tally = { connections: 0, lostAnswers: 0, repeats: 0 };
  #held: number;
  #client: Client | null = null;
  /** How many of the present connection's frames were looked at. */
  #seen = 0;
  /** Tried on an earlier connection, so that a repeat may be answered as one. */
  readonly #tried = new Set<string>();
  #asking: Promise<void>[] = [];

  constructor(readonly options: DeviceOptions) {
    this.#held = options.from.seq;
  }

  /** The `seq` of the last event it has. */
  get held(): number {
    return this.#held;
  }

  /** What was said and not answered yet, in the order it was first sent. */
  get unanswered(): string[] {
    return [...this.said.keys()].filter((id) => !this.answers.has(id));
  }

  get isConnected(): boolean {
    const socket = this.#client?.socket;
    return socket !== undefined && socket.readyState === socket.OPEN;
  }

  /** Says hello on an open connection, resumes, and repeats what is unanswered. False where the connection ended first. */
  async connect(client: Client): Promise<boolean> {
    assert.equal(this.#client, null, "drop the last connection first");
    this.#client = client;
    this.#seen = 0;
    this.tally.connections++;
    const { token, room, from, batch } = this.options;
    const welcome = await unlessClosed(client.command("hello", {
      token,
      resume: { [room]: { epoch: from.epoch, seq: this.#held } },
      batch,
    }));
    if (welcome === null) return false;
    assert.deepEqual(welcome.gaps, []);
    assert.deepEqual(welcome.resumed, [room]);
    for (const clientId of this.unanswered) this.#ask(client, clientId);
    return true;
  }

  /** Sends new messages without waiting for their answers. */
  say(...texts: readonly string[]): void {
    for (const text of texts) {
      const clientId = `${this.options.user}/${this.said.size}`;
      this.said.set(clientId, text);
      this.#ask(this.#client!, clientId);
    }
  }

  /** Sends something again that was answered before. */
  repeat(clientId: string): void {
    this.tally.repeats++;
    this.#ask(this.#client!, clientId);
  }

  /** Waits until all that was asked on this connection is answered; false where the connection ended first. */
  async answered(): Promise<boolean> {
    await Promise.all(this.#asking.splice(0));
    return this.isConnected;
  }

  /** Waits for any answer to what was asked on this connection, or its end. */
  async firstAnswer(): Promise<void> {
    await Promise.race(this.#asking);
  }

  /** Waits until it has an event; false where the connection ended first. */
  async reached(seq: number): Promise<boolean> {
    const { room } = this.options;
    this.collect();
    if (this.#held < seq && this.#client) {
      await unlessClosed(this.#client.until(
        (frame) => frame.room === room && frame.seq >= seq,
        this.#seen,
      ));
      this.collect();
    }
    return this.#held >= seq;
  }

  /** Stops listening: what the server says from now on is lost with the connection. */
  deafen(): void {
    this.#client?.socket.removeAllListeners("message");
  }

  /** Loses the connection, if it still has one. */
  async drop(): Promise<void> {
    await this.#client?.terminate();
    await this.answered();
    this.collect();
    this.#client = null;
    for (const clientId of this.said.keys()) this.#tried.add(clientId);
  }

  /** Looks at what was received: the room's events must follow on each other without a gap or a double. */
  collect(): void {
    if (this.#client === null) return;
    this.#client.requireFit();
    const { frames } = this.#client;
    for (; this.#seen < frames.length; this.#seen++) {
      const frame = frames[this.#seen];
      if (frame.room !== this.options.room) continue;
      if (frame.seq !== undefined) {
        assert.equal(frame.seq, this.#held + 1, "a gap or a double");
        this.#held = frame.seq;
        this.events.push(frame);
      } else if (frame.type === "room.live") {
        assert.equal(frame.data.seq, this.#held, "live from elsewhere");
      }
    }
  }

  #ask(client: Client, clientId: string): void {
    const { room } = this.options;
    const text = this.said.get(clientId)!;
    this.#asking.push(
      unlessClosed(
        client.command("message.send", { room, clientId, text }),
      ).then((sent) => {
        if (sent !== null) this.#take(clientId, sent);
      }),
    );
  }

  #take(clientId: string, { duplicate, ...stored }: Frame): void {
    const first = this.answers.get(clientId);
    if (first === undefined) {
      if (duplicate) {
        assert.ok(this.#tried.has(clientId), `${clientId} was never sent`);
        this.tally.lostAnswers++;
      }
      this.answers.set(clientId, stored);
    } else {
      assert.ok(duplicate, `${clientId} was stored twice`);
      assert.deepEqual(stored, first);
    }
  }
}
