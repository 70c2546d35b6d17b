// One connection seen from both ends, on every transport: what the conformance suites are played in.
import { inTime } from "../in_time.ts";
import { CANNOT, type Cannot } from "./cannot.ts";
import { type Adapter, ADAPTERS } from "./adapters.ts";
import type { Packet, SocketPort } from "../../realtime/sockets/port.ts";
import { type Answer, RawClient } from "./raw_client.ts";

type Event =
  | readonly ["text", string]
  | readonly ["binary"]
  | readonly [
    "closed",
    number,
    string,
  ];

/** One connection seen from both ends. */
export class Pair {
  readonly events: Event[] = [];
  alive = 0;
  port!: SocketPort;
  #wake = () => {};

  constructor(readonly client: RawClient, readonly answer: Answer) {}

  add(event: Event): void {
    this.events.push(event);
    this.#wake();
  }

  /** Waits until that many events have come, and gives them. */
  async until(count: number): Promise<readonly Event[]> {
    while (this.events.length < count) {
      const next = new Promise<void>((resolve) => this.#wake = resolve);
      await inTime(
        next,
        () => `event ${count} of ${JSON.stringify(this.events)}`,
      );
    }
    return this.events;
  }

  /** Everything but `closed`, which ends it. */
  async untilClosed(): Promise<readonly Event[]> {
    while (this.events.at(-1)?.[0] !== "closed") {
      await this.until(this.events.length + 1);
    }
    return this.events;
  }
}

export interface Scene {
  /** Opens a connection. `onText` and `onOpen` run in the server's handlers. */
  open(given?: {
    headers?: Readonly<Record<string, string | null>>;
    method?: string;
    onOpen?: (port: SocketPort) => void;
    onText?: (port: SocketPort, text: string) => void;
  }): Promise<Pair>;
  /** What handlers threw. */
  readonly thrown: unknown[];
}

async function inScene(
  adapter: Adapter,
  act: (scene: Scene) => Promise<void>,
  closeMs?: number,
): Promise<void> {
  const thrown: unknown[] = [];
  const pairs: { pair: Pair; accepted: boolean }[] = [];
  let opening: {
    accepted: boolean;
    port?: SocketPort;
    early: Event[];
    pair?: Pair;
    onOpen?: (port: SocketPort) => void;
    onText?: (port: SocketPort, text: string) => void;
  } | null = null;
  const server = await adapter.serve(
    (port) => {
      const mine = opening!;
      mine.accepted = true;
      mine.port = port;
      const add = (event: Event) =>
        mine.pair ? mine.pair.add(event) : mine.early.push(event);
      mine.onOpen?.(port);
      return {
        text: (text) => {
          add(["text", text]);
          mine.onText?.(port, text);
        },
        binary: () => void add(["binary"]),
        alive: () => {
          if (mine.pair) mine.pair.alive++;
        },
        closed: (code, reason) => void add(["closed", code, reason]),
      };
    },
    (error) => thrown.push(error),
    closeMs,
  );
  const open: Scene["open"] = async ({ headers, method, ...handlers } = {}) => {
    const mine = opening = {
      accepted: false,
      early: [],
      ...handlers,
    } as NonNullable<typeof opening>;
    const { client, answer } = await RawClient.open(
      server.port,
      headers,
      method,
    );
    const pair = new Pair(client, answer);
    mine.pair = pair;
    if (mine.port) pair.port = mine.port;
    mine.early.forEach((event) => pair.add(event));
    pairs.push({ pair, accepted: mine.accepted });
    return pair;
  };
  try {
    await act({ open, thrown });
  } finally {
    for (const { pair, accepted } of pairs) {
      await pair.client.end();
      if (accepted) await pair.untilClosed();
    }
    await server.close();
  }
}

export function packet(...texts: string[]): Packet {
  return { texts };
}

type Act = (scene: Scene) => Promise<void>;

/** What a case needs besides its name and act. */
export interface CaseOptions {
  readonly closeMs?: number;
  /** Adapters that cannot do it, each with the reason and what it does instead. */
  readonly unless?: Partial<Record<Adapter["name"], readonly [Cannot, Act]>>;
}

/** Plays a case on every adapter: on one that cannot do it, what it does instead. */
export function test(
  name: string,
  act: Act,
  { closeMs, unless = {} }: CaseOptions = {},
): void {
  for (const adapter of ADAPTERS) {
    const [cannot, instead] = unless[adapter.name] ?? [];
    if (cannot === undefined) {
      Deno.test(
        `${adapter.name}: ${name}`,
        () => inScene(adapter, act, closeMs),
      );
    } else {
      Deno.test(
        `${adapter.name}, not so: ${name}; ${CANNOT[cannot].instead}`,
        () => inScene(adapter, instead!, closeMs),
      );
    }
  }
}
