// Many clients in rooms: opens them, lets them talk in one of several ways, and measures what comes of it.
import { type ServerProcess, usageBetween } from "../server.ts";
import type { Figures } from "../figures.ts";
import { eachOf } from "./at_once.ts";
import { Client, type Saying, type Watcher } from "./client.ts";
import { pace } from "./pace.ts";
import { Samples } from "./samples.ts";
import { Settling, type Talker } from "./settling.ts";

/** Who sits where: a token and the room that its owner talks in. */
export interface Seat {
  readonly token: string;
  readonly room: string;
}

export interface CrowdOptions {
  readonly batch: boolean;
  /** Those who have unsubscribed send only. */
  readonly subscribed: boolean;
  readonly saying?: Saying;
}

/** Somebody in the crowd: a client of ours, or of a server that ours is held against. */
export interface Member extends Talker {
  /** Counts what comes. */
  readonly reader: Talker["reader"] & { readonly events: number };
  send(room: string, dueAt?: number): void;
  close(): void;
}

/** Brings somebody to a seat. */
export type Enter = (
  url: string,
  seat: Seat,
  watcher: Required<Omit<Watcher<Member>, "told">>,
  options: CrowdOptions & { readonly thorough: boolean },
) => Promise<Member>;

/** Handshakes at once: more would wait in the kernel for a place in the server's queue. */
const OPENING = 100;
/** So many clients at most look at every event and measure its time. */
const THOROUGH = 16;
const WARM_UP_SECONDS = 2;

export class Crowd {
  readonly #members: Member[] = [];
  readonly #seats: readonly Seat[];
  readonly #failed = Promise.withResolvers<never>();
  #acks = new Samples();
  #deliveries = new Samples();
  #closedLoop = false;
  #pacing: AbortController | null = null;
  #settling!: Settling;

  private constructor(
    seats: readonly Seat[],
    private readonly options: CrowdOptions,
  ) {
    this.#seats = seats;
    // Whoever waits for something waits for this too; what fails in between is told to the next.
    this.#failed.promise.catch(() => {});
  }

  /** Brings somebody to each seat, dealt out among the server's addresses. */
  static async open(
    { sockets }: Pick<ServerProcess, "sockets">,
    seats: readonly Seat[],
    options: CrowdOptions,
    enter: Enter = enterOurs,
  ): Promise<Crowd> {
    const crowd = new Crowd(seats, options);
    const every = Math.ceil(seats.length / THOROUGH);
    await eachOf(seats, OPENING, async (seat, i) => {
      const url = sockets[i % sockets.length]!;
      const thorough = options.subscribed && i % every === 0;
      crowd.#members[i] = await enter(url, seat, crowd.#watcher(seat), {
        ...options,
        thorough,
      });
    });
    const { subscribed: listening, saying } = options;
    crowd.#settling = new Settling(
      seats.map(({ room }, i) => ({ talker: crowd.#members[i]!, room })),
      { listening, numbered: saying === undefined },
    );
    return crowd;
  }

  #watcher({ room }: Seat) {
    return {
      acknowledged: (member: Member, ms: number) => {
        this.#acks.add(ms);
        if (this.#closedLoop) member.send(room);
      },
      delivered: (ms: number) => this.#deliveries.add(ms),
      failed: (fault: unknown) => this.#failed.reject(fault),
    };
  }

  /** The first so many send, each its next message when the last is acknowledged. */
  talk(senders = this.#members.length): void {
    this.#closedLoop = true;
    for (let i = 0; i < senders; i++) {
      this.#members[i]!.send(this.#seats[i]!.room);
    }
  }

  /** They send in turn, so many messages a second in all. */
  talkAt(perSecond: number): void {
    this.#pacing = new AbortController();
    let next = 0;
    const send = (dueAt: number) => {
      const i = next++ % this.#members.length;
      this.#members[i]!.send(this.#seats[i]!.room, dueAt);
    };
    pace(perSecond, send, this.#pacing.signal).catch(this.#failed.reject);
  }

  /** Warms up, then measures. */
  async measure(
    server: Pick<ServerProcess, "usage">,
    seconds: number,
  ): Promise<Figures> {
    await this.#pass(Math.min(WARM_UP_SECONDS, seconds));
    const before = await server.usage();
    this.#acks = new Samples();
    this.#deliveries = new Samples();
    const [startedAt, eventsBefore] = [performance.now(), this.#events()];
    await this.#pass(seconds);
    const elapsed = (performance.now() - startedAt) / 1000;
    const [acks, deliveries] = [this.#acks, this.#deliveries];
    this.#acks = new Samples();
    this.#deliveries = new Samples();
    const delivered = this.#events() - eventsBefore;
    const usage = usageBetween(before, await server.usage());
    const { subscribed } = this.options;
    return {
      acked: acks.count / elapsed,
      ...(subscribed ? { delivered: delivered / elapsed } : {}),
      ackP50: acks.within(0.5),
      ackP99: acks.within(0.99),
      ...(subscribed
        ? {
          deliveryP50: deliveries.within(0.5),
          deliveryP99: deliveries.within(0.99),
          perMillion: usage.serverCores / (delivered / elapsed / 1e6),
        }
        : { perAck: usage.serverCores / (acks.count / elapsed / 1e6) }),
      ...usage,
    };
  }

  /** Ends the talk; all that was sent must be acknowledged and, where subscribed, delivered to everybody. */
  async settle(patienceMs?: number): Promise<void> {
    this.#closedLoop = false;
    this.#pacing?.abort();
    await this.#settling.wait((seconds) => this.#pass(seconds), patienceMs);
  }

  close(): void {
    for (const member of this.#members) member.close();
  }

  #events(): number {
    return this.#members.reduce((sum, { reader }) => sum + reader.events, 0);
  }

  /** Waits, and throws what fails meanwhile. */
  #pass(seconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, seconds * 1000);
    return Promise.race([promise, this.#failed.promise]);
  }
}

async function enterOurs(
  ...[url, { token, room }, watcher, { subscribed, ...options }]: Parameters<
    Enter
  >
): Promise<Client> {
  const client = await Client.open(url, token, watcher, options);
  if (!subscribed) await client.ask("room.unsubscribe", { room });
  return client;
}
