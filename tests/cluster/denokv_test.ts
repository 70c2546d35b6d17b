// Several servers on one denokv server, as containers have it: they talk with each other, and either may be killed.
import assert from "node:assert/strict";
import { Denokv, hasDenokv } from "../denokv.ts";
import { ask, register } from "../faults/rest.ts";
import { talk } from "../faults/talk.ts";
import { Client } from "../protocol/client.ts";
import { Device } from "../protocol/device.ts";
import { readHistory, requireExactlyOnce } from "../protocol/exactly_once.ts";
import { fork, openRandom } from "../protocol/random.ts";
import { type ServerProcess, startServer } from "../server.ts";

const SECRET = crypto.getRandomValues(new Uint8Array(32)).toBase64();
const KILLS = 3;
/** How many messages are acknowledged between two kills. */
const BETWEEN_KILLS = 200;

/** Two servers in processes of their own, on one denokv server. */
class Cluster {
  readonly denokv: Denokv;
  readonly #servers: ServerProcess[] = [];
  readonly #urls = [0, 1].map(() => Promise.withResolvers<string>());

  constructor(private readonly folder: string) {
    this.denokv = new Denokv(folder);
  }

  async start(): Promise<void> {
    await this.denokv.start();
    await Promise.all([this.startServer(0), this.startServer(1)]);
  }

  /** Resolves when it listens. */
  async startServer(place: number): Promise<void> {
    const env = { SECRET, RATE_SCALE: "0", ...this.denokv.settings };
    this.#servers[place] = startServer(this.folder, "production", env);
    this.#urls[place]!.resolve(await this.#servers[place]!.url);
  }

  /** Of the server that runs there, or of the next. */
  url(place: number): Promise<string> {
    return this.#urls[place]!.promise;
  }

  async killServer(place: number): Promise<void> {
    this.#urls[place] = Promise.withResolvers();
    this.#servers[place]!.kill("SIGKILL");
    await this.#servers[place]!.ended;
  }

  async end(): Promise<void> {
    for (const place of this.#servers.keys()) await this.killServer(place);
    await this.denokv.kill();
  }
}

function inCluster(name: string, test: (cluster: Cluster) => Promise<void>) {
  Deno.test({
    name: `over denokv ${name}`,
    ignore: !hasDenokv,
    async fn() {
      const folder = await Deno.makeTempDir();
      const cluster = new Cluster(folder);
      try {
        await cluster.start();
        await test(cluster);
      } finally {
        await cluster.end();
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

async function connect(url: string, token: string): Promise<Client> {
  const client = new Client(`${url.replace("http", "ws")}/api/v1/ws`);
  await client.opened;
  await client.command("hello", { token });
  return client;
}

inCluster(
  "what is said at one server is heard at the other, and who logs out at one is out at both",
  async (cluster) => {
    const [here, there] = [await cluster.url(0), await cluster.url(1)];
    const ada = await register(here, "ada");
    const bob = await register(there, "bob");
    const bobs = await connect(there, bob.token);
    const { id: room } = await ask(here, ada.token, "POST", "/rooms", {
      type: "group",
      members: [bob.user],
    });
    await bobs.until(({ type }) => type === "room.added");
    const adas = await connect(here, ada.token);
    const texts = ["short", "x".repeat(4000)];
    for (const text of texts) {
      const { seq } = await adas.command("message.send", { room, text });
      assert.equal((await bobs.event(room, seq)).data.text, text);
    }
    const { seq } = await bobs.command("message.send", { room, text: "back" });
    assert.equal((await adas.event(room, seq)).data.text, "back");

    await ask(here, bob.token, "DELETE", "/auth/sessions");
    assert.equal((await bobs.closed).code, 4401);
    await adas.terminate();
  },
);

inCluster(
  "servers and denokv are killed in mid-load: no acknowledged message is lost, doubled or out of order",
  async (cluster) => {
    const random = openRandom("denokv");
    const people = [];
    for (const name of ["ada", "bob", "cleo", "dan"]) {
      people.push(await register(await cluster.url(0), name));
    }
    const { token } = people[0]!;
    const from = await ask(await cluster.url(0), token, "POST", "/rooms", {
      type: "group",
      members: people.slice(1).map(({ user }) => user),
    });
    const room: string = from.id;
    const devices = people.map(({ user, token }, i) =>
      new Device({ user, token, room, from, batch: i % 2 === 0 })
    );
    const acknowledged = () =>
      devices.reduce((sum, { answers }) => sum + answers.size, 0);

    const load = { ends: false, due: 0, reached: () => {} };
    const talking = Promise.all(devices.map((device, i) =>
      talk(
        // Half of them at either server.
        {
          get url() {
            return cluster.url(i % 2);
          },
        },
        device,
        fork(random),
        () => {
          if (acknowledged() >= load.due) load.reached();
          return load.ends;
        },
      )
    ));
    // Told below, where it is waited for.
    talking.catch(() => {});
    const more = async () => {
      const enough = Promise.withResolvers<void>();
      load.reached = enough.resolve;
      load.due = acknowledged() + BETWEEN_KILLS;
      await Promise.race([enough.promise, talking]);
    };
    for (let kill = 0; kill < KILLS; kill++) {
      await more();
      await cluster.killServer(kill % 2);
      await more();
      await cluster.startServer(kill % 2);
      await more();
      await cluster.denokv.kill();
      await cluster.denokv.start();
    }
    await more();
    load.ends = true;
    await talking;

    const url = await cluster.url(1);
    const head = await ask(url, token, "GET", `/rooms/${room}`);
    for (const device of devices) assert.ok(await device.reached(head.seq));
    const history = await readHistory((query) =>
      ask(url, token, "GET", `/rooms/${room}/messages?${query}`)
    );
    requireExactlyOnce(devices, history);
    await Promise.all(devices.map((device) => device.drop()));
  },
);
