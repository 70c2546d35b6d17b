// Backups as their owner uses them: taken by the task while a server is under load, restored by the task after its end.
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Client, type Frame } from "../protocol/client.ts";
import { Device, type Place } from "../protocol/device.ts";
import { readHistory } from "../protocol/exactly_once.ts";
import { runTask, type ServerProcess, startServer } from "../server.ts";
import { ask, register } from "./rest.ts";

const ROOMS = 3;
const DEVICES = 3;
const BURST = 20;
/** How many messages are acknowledged before the backup begins, and after it is done. */
const BEFORE = 600;
const AFTER = 300;
const BACKUP = "data/backups/one.db";
const DATABASE = "data/kvorum.db";
const UNLIMITED = { RATE_SCALE: "0" };

interface Room {
  readonly id: string;
  readonly from: Place;
  readonly token: string;
  readonly devices: readonly Device[];
}

Deno.test("a backup under load holds all that was acknowledged before it; after its restore clients load anew and go on", () =>
  inFolder(async (folder, start) => {
    const server = await start();
    const rooms = await open(await server.url);
    const load = new Load(rooms);
    await load.reached(BEFORE);

    const acknowledged = rooms.map(({ devices }) =>
      devices.flatMap(({ answers }) => [...answers.values()])
    );
    const backup = await runTask(folder, "backup", [BACKUP]);
    assert.deepEqual([backup.code, backup.stderr], [0, ""]);
    assert.match(backup.stdout, /^Backed up \S+ to \S+, \d+ bytes\.\n$/);
    await load.reached(load.acknowledged + AFTER);

    const refused = await runTask(folder, "restore", [BACKUP]);
    assert.deepEqual(refused, {
      code: 1,
      stdout: "",
      stderr: `A server has ${DATABASE} open: stop it first.\n`,
    });
    // Nobody noticed.
    await load.reached(load.acknowledged + AFTER);
    await load.end();
    const late = await register(await server.url, "late");
    const full = await readAll(await server.url, rooms);
    const held = rooms.map(({ devices }) => devices[0]!.held);

    server.kill("SIGKILL");
    await server.ended;
    for (const device of load.devices) await device.drop();
    const restored = await runTask(folder, "restore", [BACKUP]);
    assert.deepEqual([restored.code, restored.stderr], [0, ""]);
    const kept = restored.stdout.match(/kept as (\S+)\.\n$/)![1]!;

    const again = await start();
    const url = await again.url;
    const present = await readAll(url, rooms);
    const epochs: string[] = [];
    for (const [i, { id, from, token }] of rooms.entries()) {
      const [history, all] = [present[i]!, full[i]!];
      assert.ok(history.length < all.length, "nothing was lost: no test");
      assert.deepEqual(history, all.slice(0, history.length));
      for (const { messageId, n } of acknowledged[i]!) {
        assert.equal(history[n - 1]?.id, messageId);
      }
      const room = await ask(url, token, "GET", `/rooms/${id}`);
      assert.deepEqual(
        [room.n, room.seq],
        [history.length, from.seq + history.length],
      );
      epochs.push(room.epoch);
      await comeBack(url, rooms[i]!, held[i]!, room);
    }
    await assert.rejects(ask(url, late.token, "GET", "/users/me"));
    await stop(again);

    // What was there before can be had again, with an epoch of its own.
    const back = await runTask(folder, "restore", [kept]);
    assert.equal(back.code, 0, back.stderr);
    const third = await start();
    assert.deepEqual(await readAll(await third.url, rooms), full);
    for (const [i, { id, token }] of rooms.entries()) {
      const { epoch } = await ask(
        await third.url,
        token,
        "GET",
        `/rooms/${id}`,
      );
      assert.ok(epoch !== rooms[i]!.from.epoch && epoch !== epochs[i]);
    }
    await stop(third);
  }));

Deno.test("backup and restore refuse in one line what they can't do, and change nothing", () =>
  inFolder(async (folder, start) => {
    const server = await start();
    await register(await server.url, "ada");
    server.kill("SIGKILL");
    await server.ended;
    const done = await runTask(folder, "backup", [BACKUP]);
    assert.deepEqual([done.code, done.stderr], [0, ""]);

    const good = await Deno.readFile(`${folder}/${BACKUP}`);
    const put = (name: string, bytes: Uint8Array) =>
      Deno.writeFile(`${folder}/data/${name}`, bytes);
    await put("text", new TextEncoder().encode("no database ".repeat(999)));
    await put("short", good.subarray(0, good.length - 4096));
    await put("holes", good.slice().fill(0, 2 * 4096, 4 * 4096));
    await put("empty", new Uint8Array());
    const refusals: [string[], string, Record<string, string>?][] = [
      [["backup"], "Name a file under data/."],
      [
        ["backup", BACKUP],
        `${BACKUP} exists: name another file, or remove it.`,
      ],
      [["backup", "../b.db"], "../b.db does not lie under data/."],
      [
        ["backup", `${DATABASE}-journal`],
        `${DATABASE}-journal belongs to the database: name another.`,
      ],
      [["backup", "data/b.db"], "There is no data/else.db.", {
        KV: "data/else.db",
      }],
      [
        ["backup", "data/b.db"],
        "KV is :memory:, which ends with the server.",
        { KV: ":memory:" },
      ],
      [
        ["restore", BACKUP],
        "KV is a server of its own: use its own backups, see docs/backup.md.",
        { KV: "http://127.0.0.1:4512" },
      ],
      [
        ["backup", "data/b.db"],
        "KV must be a path under data/, :memory:, or the http(s) URL of a denokv server.",
        { KV: "elsewhere.db" },
      ],
      [["restore", "data/none"], "There is no data/none."],
      [
        ["restore", DATABASE],
        `${DATABASE} is the database itself: name a backup.`,
      ],
      [["restore", "data/empty"], "data/empty is no database of a server."],
      ...["text", "short", "holes"].map((
        name,
      ): [string[], string] => [
        ["restore", `data/${name}`],
        `data/${name} is damaged, or no database at all.`,
      ]),
    ];
    const before = { rows: readRows(folder), names: await namesIn(folder) };
    for (const [[task, ...args], line, env] of refusals) {
      assert.deepEqual(await runTask(folder, task!, args, env), {
        code: 1,
        stdout: "",
        stderr: `${line}\n`,
      });
    }
    const after = { rows: readRows(folder), names: await namesIn(folder) };
    assert.deepEqual(after, before);
  }));

Deno.test("a write-ahead log that a killed server left does not come into what is restored", () =>
  inFolder(async (folder, start) => {
    const server = await start();
    const url = await server.url;
    const { token } = await register(url, "ada");
    assert.equal((await runTask(folder, "backup", [BACKUP])).code, 0);
    await ask(url, token, "PATCH", "/users/me", { about: "later" });
    server.kill("SIGKILL");
    await server.ended;
    const { size } = await Deno.stat(`${folder}/${DATABASE}-wal`);
    assert.ok(size > 0);
    await Deno.remove(`${folder}/${DATABASE}`);

    const { code, stdout } = await runTask(folder, "restore", [BACKUP]);
    assert.equal(code, 0);
    assert.match(stdout, /Nothing was there\.\n$/);
    const again = await start();
    const me = await ask(await again.url, token, "GET", "/users/me");
    assert.equal(me.about, undefined);
    await stop(again);
  }));

/** Runs a test in a folder of its own; servers that still run at the end are killed. */
async function inFolder(
  test: (
    folder: string,
    start: () => Promise<ServerProcess>,
  ) => Promise<void>,
) {
  const folder = await Deno.makeTempDir();
  const servers: ServerProcess[] = [];
  try {
    await test(folder, async () => {
      const server = startServer(folder, "development", UNLIMITED);
      servers.push(server);
      await server.url;
      return server;
    });
  } finally {
    for (const server of servers) {
      // It throws where it has ended.
      try {
        server.kill("SIGKILL");
      } catch { /* as it should be */ }
      await server.ended;
    }
    await Deno.remove(folder, { recursive: true });
  }
}

async function stop(server: ServerProcess) {
  server.kill("SIGINT");
  assert.equal((await server.ended).code, 0);
}

/** Rooms with people in them who listen, each by one device. */
async function open(url: string): Promise<Room[]> {
  const rooms: Room[] = [];
  for (let i = 0; i < ROOMS; i++) {
    const people = await Promise.all(
      Array.from(
        { length: DEVICES },
        (_, k) => register(url, `sender${i}.${k}`),
      ),
    );
    const { token } = people[0]!;
    const members = people.slice(1).map(({ user }) => user);
    const { id, epoch, seq } = await ask(url, token, "POST", "/rooms", {
      type: "group",
      members,
    });
    const from = { epoch, seq };
    const devices = people.map((who, k) =>
      new Device({ ...who, room: id, from, batch: k % 2 === 0 })
    );
    for (const device of devices) {
      const client = connect(url);
      await client.opened;
      assert.ok(await device.connect(client));
    }
    rooms.push({ id, from, token, devices });
  }
  return rooms;
}

/** Everybody talks without a pause until it is ended. */
class Load {
  readonly devices: readonly Device[];
  readonly #talking: Promise<unknown>;
  #ends = false;
  #due = 0;
  #enough = Promise.withResolvers<void>();

  constructor(rooms: readonly Room[]) {
    this.devices = rooms.flatMap(({ devices }) => devices);
    this.#talking = Promise.all(this.devices.map((one) => this.#talk(one)));
    // Told where it is waited for.
    this.#talking.catch(() => {});
  }

  get acknowledged(): number {
    return this.devices.reduce((sum, { answers }) => sum + answers.size, 0);
  }

  async reached(count: number): Promise<void> {
    this.#enough = Promise.withResolvers();
    this.#due = count;
    // A device that found something wrong ends the talking.
    await Promise.race([this.#enough.promise, this.#talking]);
  }

  async end(): Promise<void> {
    this.#ends = true;
    await this.#talking;
    for (const device of this.devices) device.collect();
  }

  async #talk(device: Device): Promise<void> {
    while (!this.#ends) {
      const count = device.said.size;
      device.say(
        ...Array.from({ length: BURST }, (_, i) => `${count + i}`),
      );
      assert.ok(await device.answered(), "the connection ended");
      if (this.acknowledged >= this.#due) this.#enough.resolve();
    }
  }
}

/** A client that has more than the server now: it is told so, loads anew, and goes on from there. */
async function comeBack(
  url: string,
  { id, from, token }: Room,
  held: number,
  present: Frame,
) {
  const client = connect(url);
  await client.opened;
  const welcome = await client.command("hello", {
    token,
    resume: { [id]: { epoch: from.epoch, seq: held } },
  });
  assert.deepEqual(welcome.resumed, []);
  assert.deepEqual(
    welcome.gaps.map(({ room, reason, head }: Frame) => [room, reason, head]),
    [[id, "epoch", present.seq]],
  );
  assert.notEqual(present.epoch, from.epoch);
  const sent = await client.command("message.send", { room: id, text: "on" });
  assert.equal(sent.seq, present.seq + 1);
  assert.equal((await client.event(id, sent.seq)).data.text, "on");
  client.requireFit();
  await client.terminate();
}

function connect(url: string): Client {
  return new Client(`${url.replace("http", "ws")}/api/v1/ws`);
}

function readAll(url: string, rooms: readonly Room[]): Promise<Frame[][]> {
  return Promise.all(
    rooms.map(({ id, token }) =>
      readHistory((query) =>
        ask(url, token, "GET", `/rooms/${id}/messages?${query}`)
      )
    ),
  );
}

function readRows(folder: string) {
  using database = new DatabaseSync(`${folder}/${DATABASE}`);
  return database.prepare("SELECT k, v FROM kv ORDER BY k").all();
}

async function namesIn(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(`${folder}/data`));
  return entries.map(({ name }) => name).sort();
}
