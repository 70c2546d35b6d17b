// The server is killed in mid-load, again and again; what it acknowledged is there.
import assert from "node:assert/strict";
import { Device } from "../protocol/device.ts";
import { readHistory, requireExactlyOnce } from "../protocol/exactly_once.ts";
import { fork, openRandom, pickNumber } from "../protocol/random.ts";
import { type Mode, type ServerProcess, startServer } from "../server.ts";
import { ask, register } from "./rest.ts";
import { talk } from "./talk.ts";

const KILLS = 20;
const SENDERS = 8;
/** How many messages are acknowledged between two kills, at least and at most. */
const BETWEEN_KILLS = [50, 400] as const;
const SECRET = crypto.getRandomValues(new Uint8Array(32)).toBase64();

interface Way {
  readonly mode: Mode;
  readonly env: Readonly<Record<string, string>>;
}

const WAYS: Readonly<Record<string, Way>> = {
  "one isolate over ws": { mode: "development", env: { ISOLATES: "1" } },
  "two isolates over ws": { mode: "development", env: { ISOLATES: "2" } },
  "two isolates over native": { mode: "serve", env: { DENO_JOBS: "2" } },
};

for (const [name, way] of Object.entries(WAYS)) {
  Deno.test(
    `${name}: kill -9 in mid-load, twenty times: no acknowledged message is lost, doubled or out of order`,
    () => killInMidLoad(way),
  );
}

async function killInMidLoad(way: Way): Promise<void> {
  const random = openRandom("kill");
  const folder = await Deno.makeTempDir();
  const servers = new Lives(folder, way);
  try {
    await servers.startAfresh();
    const url = await servers.url;
    const people = await Promise.all(
      Array.from({ length: SENDERS }, (_, i) => register(url, `sender${i}`)),
    );
    const reader = people[0]!.token;
    const from = await servers.ask(reader, "POST", "/rooms", {
      type: "group",
      members: people.slice(1).map(({ user }) => user),
    });
    const room: string = from.id;
    const devices = people.map(({ user, token }, i) =>
      new Device({
        user,
        token,
        room,
        from,
        batch: i % 2 === 0,
      })
    );
    const acknowledged = () =>
      devices.reduce((sum, { answers }) => sum + answers.size, 0);

    const load = { ends: false, due: 0, reached: () => {} };
    const talking = Promise.all(
      devices.map((device) =>
        talk(servers, device, fork(random), () => {
          if (acknowledged() >= load.due) load.reached();
          return load.ends;
        })
      ),
    );
    // Told below, where it is waited for.
    talking.catch(() => {});
    for (let kill = 0; kill < KILLS; kill++) {
      const enough = Promise.withResolvers<void>();
      load.reached = enough.resolve;
      load.due = acknowledged() + pickNumber(random, ...BETWEEN_KILLS);
      // A device that found something wrong ends the talking.
      await Promise.race([enough.promise, talking]);
      await servers.startAfresh();
    }
    load.ends = true;
    await talking;

    const head = await servers.ask(reader, "GET", `/rooms/${room}`);
    for (const device of devices) assert.ok(await device.reached(head.seq));
    const history = await readHistory((query) =>
      servers.ask(reader, "GET", `/rooms/${room}/messages?${query}`)
    );
    requireExactlyOnce(devices, history);

    const lost = devices.reduce((sum, { tally }) => sum + tally.lostAnswers, 0);
    // Else no kill came between a commit and its answer.
    assert.ok(lost > 0);
    console.log(
      `${history.length} messages, ${lost} lost answers; ready after ` +
        `${servers.readyMs(0.5)} ms (median), ${
          servers.readyMs(1)
        } ms (longest)`,
    );
    await Promise.all(devices.map((device) => device.drop()));
  } finally {
    await servers.end();
    await Deno.remove(folder, { recursive: true });
  }
}

/** One server after the other on the same data. */
class Lives {
  readonly #ready: number[] = [];
  #server: ServerProcess | null = null;
  #url: Promise<string> | null = null;

  constructor(private readonly folder: string, private readonly way: Way) {}

  /** Of the server that runs or is starting. */
  get url(): Promise<string> {
    assert.ok(this.#url, "start it first");
    return this.#url;
  }

  /** Kills the server that runs, if there is one, and starts the next. Resolves when it is ready. */
  async startAfresh(): Promise<void> {
    this.#url = (async () => {
      await this.#kill();
      return await this.#start();
    })();
    await this.#url;
  }

  async end(): Promise<void> {
    await this.#kill();
    this.#fail("the test is over");
  }

  async #start(): Promise<string> {
    const startedAt = performance.now();
    const { mode, env } = this.way;
    const server = startServer(this.folder, mode, {
      RATE_SCALE: "0",
      SECRET,
      ...env,
    });
    this.#server = server;
    void server.ended.then((end) => {
      if (this.#server === server) this.#fail(`ended by itself: ${end.stderr}`);
    });
    const url = await server.url;
    const { status, body } = await fetch(`${url}/readyz`);
    await body?.cancel();
    assert.equal(status, 200);
    this.#ready.push(performance.now() - startedAt);
    return url;
  }

  async #kill(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    server?.kill("SIGKILL");
    await server?.ended;
  }

  /** From now on nobody is told of a server: whoever talks stops. */
  #fail(why: string): void {
    this.#server = null;
    this.#url = Promise.reject(new Error(why));
    this.#url.catch(() => {});
  }

  /** How long a server took from its start to its first answer, at a quantile of all. */
  readyMs(quantile: number): number {
    const times = this.#ready.toSorted((a, b) => a - b);
    return Math.round(times[Math.floor(quantile * (times.length - 1))]!);
  }

  async ask(token: string, method: string, path: string, json?: unknown) {
    return await ask(await this.url, token, method, path, json);
  }
}
