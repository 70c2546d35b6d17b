// What the protocol's tests stand on: a whole server in this process, spoken to over real connections.
import assert from "node:assert/strict";
import { register } from "../../kv/rooms/register.ts";
import { type Clock, systemClock } from "../../kv/clock.ts";
import type { Core } from "../../kv/core.ts";
import type { Fields } from "../../kv/journal.ts";
import { readSettings } from "../../kv/settings.ts";
import type { Store } from "../../kv/store.ts";
import { start } from "../../routes/server.ts";
import type { Realtime } from "../../realtime/realtime.ts";
import type { Transport } from "../../routes/listen.ts";
import { CALLER, COST, type SignedIn } from "../accounts/world.ts";
import { conformsToRest } from "../documents/conforms.ts";
import { CANNOT, type Cannot, type Inability } from "../sockets/cannot.ts";
import { Client, type ClientOptions } from "./client.ts";

export interface Person {
  readonly id: string;
  readonly username: string;
  readonly token: string;
  readonly refreshToken: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON; undefined where there is none. */
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

export interface Served {
  /** Without a slash at the end. */
  readonly url: string;
  readonly transport: Exclude<Transport, "hosted">;
  readonly core: Core;
  readonly realtime: Realtime;
  /** Errors that were logged; a test that foresees some empties it. */
  readonly logged: { event: string; fields: Fields | undefined }[];
  /** What else the log says at the usual level. */
  readonly told: { event: string; fields: Fields | undefined }[];
  /** Registers somebody, past the password's cost. */
  join(username: string): Promise<Person>;
  /** A REST request, held against the documents; the path is below /api/v1. */
  ask(
    who: Person | null,
    method: string,
    path: string,
    json?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  /** Opens a socket without saying anything. It is closed when the test ends. */
  open(options?: ClientOptions): Promise<Client>;
  /** Opens a socket and says hello. */
  connect(who: Person, hello?: Record<string, unknown>): Promise<Client>;
  /** A group of these people, the first its owner; answers its id. */
  group(...people: readonly Person[]): Promise<string>;
}

export interface ServedOptions {
  /** `native`: Deno listens, with its own sockets. */
  readonly transport?: Served["transport"];
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly store?: Store;
}

/** {@link served} over the transport in turn. */
export type Serve = (
  act: (server: Served) => Promise<void>,
  options?: Omit<ServedOptions, "transport">,
) => Promise<void>;

type Act = (served: Serve) => void | Promise<void>;

/** What docs/transports.md calls them, and what main.ts does. */
const TRANSPORTS = [["ws", "node"], ["native", "native"]] as const;

/**
 * Registers a test on each transport. On one of `unless` it is shown what holds instead, and by the name of
 * the row in docs/transports.md why.
 */
export function test(
  name: string,
  act: Act,
  { unless = {} }: {
    unless?: Partial<Record<Inability["adapter"], readonly [Cannot, Act]>>;
  } = {},
): void {
  for (const [label, transport] of TRANSPORTS) {
    const serve: Serve = (act, options) =>
      served(act, { ...options, transport });
    const [cannot, instead = act] = unless[label] ?? [];
    const title = cannot === undefined
      ? `${label}: ${name}`
      : `${label}, not so: ${name}; ${CANNOT[cannot].instead}`;
    Deno.test(title, async () => await instead(serve));
  }
}

/** Runs a test against a server of its own and ends both; a fault that was logged fails the test. */
export async function served(
  act: (server: Served) => Promise<void>,
  { env = {}, transport = "node", ...parts }: ServedOptions = {},
): Promise<void> {
  const logged: Served["logged"] = [];
  const note = (event: string, fields?: Fields) => {
    logged.push({ event, fields });
  };
  const told: Served["told"] = [];
  const tell = (event: string, fields?: Fields) => {
    told.push({ event, fields });
  };
  const quiet = () => {};
  const settings = readSettings({
    KV: ":memory:",
    PORT: "0",
    RATE_SCALE: "0",
    SECRET: crypto.getRandomValues(new Uint8Array(32)).toBase64(),
    ...env,
  }, "development");
  const running = await start(settings, {
    journal: { debug: quiet, info: tell, warn: note, error: note },
    clock: systemClock,
    passwords: { cores: 2, cost: COST },
    transport,
    ...parts,
  });
  const { port, core, realtime } = running;
  // Where it listens, whatever PUBLIC_URL says.
  const url = `http://127.0.0.1:${port}`;
  const clients = new Set<Client>();

  const ask: Served["ask"] = async (who, method, path, json, headers = {}) => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        ...(who ? { Authorization: `Bearer ${who.token}` } : {}),
        ...(json === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
    const text = await response.text();
    const body = text === "" ? undefined : JSON.parse(text);
    conformsToRest(method, `/api/v1${path}`, response.status, body);
    return { status: response.status, headers: response.headers, body };
  };
  const open: Served["open"] = async (options) => {
    const client = new Client(
      `${url.replace("http", "ws")}/api/v1/ws`,
      options,
    );
    clients.add(client);
    await client.opened;
    return client;
  };
  const server: Served = {
    url,
    transport,
    core,
    realtime,
    logged,
    told,
    ask,
    open,
    async join(username) {
      const password = `password of ${username}`;
      const made = await register.run(core, { username, password }, CALLER);
      const { user, accessToken, refreshToken } = made as SignedIn;
      assert.ok("username" in user);
      return { id: user.id, username, token: accessToken, refreshToken };
    },
    async connect(who, hello = {}) {
      const client = await open();
      await client.command("hello", { token: who.token, ...hello });
      return client;
    },
    async group(owner, ...others) {
      const { status, body } = await ask(owner!, "POST", "/rooms", {
        type: "group",
        members: others.map(({ id }) => id),
      });
      assert.equal(status, 201);
      return body.id;
    },
  };
  try {
    await act(server);
    assert.deepEqual(logged, [], "the server reported faults");
  } finally {
    for (const client of clients) await client.terminate();
    await running.stop();
  }
}
