// A cluster to test with: several isolates of this process over one database, each with a port of its own, so that
// a test chooses who is served by which.
import assert from "node:assert/strict";
import { conformsToRest } from "../documents/conforms.ts";
import { Client } from "../protocol/client.ts";
import { pickNumber, type Random } from "../protocol/random.ts";
import type { Answer, Person } from "../protocol/world.ts";
import type { Order, Report } from "./isolate.ts";

export class Isolate {
  readonly #clients = new Set<Client>();

  private constructor(
    private readonly worker: Worker,
    readonly url: string,
  ) {}

  static async start(order: Extract<Order, { what: "start" }>) {
    const worker = new Worker(new URL("isolate.ts", import.meta.url), {
      type: "module",
    });
    const report = nextReport(worker);
    worker.postMessage(order);
    const told = await report;
    assert.ok("url" in told);
    return new Isolate(worker, told.url);
  }

  /** A REST request, held against the documents; the path is below /api/v1. */
  async ask(
    who: Person | null,
    method: string,
    path: string,
    json?: unknown,
  ): Promise<Answer> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        ...(who ? { Authorization: `Bearer ${who.token}` } : {}),
        ...(json === undefined ? {} : { "Content-Type": "application/json" }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
    const text = await response.text();
    const body = text === "" ? undefined : JSON.parse(text);
    conformsToRest(method, `/api/v1${path}`, response.status, body);
    return { status: response.status, headers: response.headers, body };
  }

  async open(): Promise<Client> {
    const client = new Client(`${this.url.replace("http", "ws")}/api/v1/ws`);
    this.#clients.add(client);
    await client.opened;
    return client;
  }

  async connect(
    who: Person,
    hello: Record<string, unknown> = {},
  ): Promise<Client> {
    const client = await this.open();
    await client.command("hello", { token: who.token, ...hello });
    return client;
  }

  async join(username: string): Promise<Person> {
    const { status, body } = await this.ask(null, "POST", "/auth/register", {
      username,
      password: `password of ${username}`,
    });
    assert.equal(status, 201);
    const { user, accessToken: token, refreshToken } = body;
    return { id: user.id, username, token, refreshToken };
  }

  /** A group of these people, the first its owner; answers its id. */
  async group(...people: readonly Person[]): Promise<string> {
    const [owner, ...others] = people;
    const { status, body } = await this.ask(owner!, "POST", "/rooms", {
      type: "group",
      members: others.map(({ id }) => id),
    });
    assert.equal(status, 201);
    return body.id;
  }

  /** Stops its thread; what it answers sets it going again. */
  freeze(): () => void {
    const gate = new SharedArrayBuffer(4);
    this.worker.postMessage({ what: "freeze", gate } satisfies Order);
    return () => {
      const number = new Int32Array(gate);
      Atomics.store(number, 0, 1);
      Atomics.notify(number, 0);
    };
  }

  /** Ends it; a fault that it logged fails the test. */
  async stop(): Promise<void> {
    for (const client of this.#clients) await client.terminate();
    const report = nextReport(this.worker);
    this.worker.postMessage({ what: "stop" } satisfies Order);
    const told = await report;
    this.worker.terminate();
    assert.deepEqual(told, { faults: [] }, "an isolate reported faults");
  }
}

export interface ClusterOptions {
  readonly isolates: number;
  readonly transport: "node" | "native";
  /** Makes the stores answer late now and then. */
  readonly random?: Random;
  /** Their clocks stand, so that they hear of nothing by polling. */
  readonly stand?: boolean;
}

/** Runs a test against isolates of its own over a database file of their own, and ends them. */
export async function clustered(
  test: (isolates: readonly [Isolate, Isolate, ...Isolate[]]) => Promise<void>,
  { isolates: count, transport, random, stand = false }: ClusterOptions,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const database = `${folder}/kvorum.db`;
  const secret = crypto.getRandomValues(new Uint8Array(32)).toBase64();
  const isolates: Isolate[] = [];
  try {
    for (let i = 0; i < count; i++) {
      isolates.push(
        await Isolate.start({
          what: "start",
          database,
          secret,
          transport,
          seed: random ? pickNumber(random, 0, 2 ** 31) : null,
          stands: stand,
        }),
      );
    }
    const [first, second, ...others] = isolates;
    await test([first!, second!, ...others]);
  } finally {
    for (const isolate of isolates) await isolate.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

function nextReport(worker: Worker): Promise<Report> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
  });
}
