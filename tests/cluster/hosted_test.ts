// The same server under `deno serve`, as a process with several isolates and Deno's own sockets.
import assert from "node:assert/strict";
import { LIMITS } from "../../kv/limits.ts";
import { Client } from "../protocol/client.ts";
import { shakeHands } from "../protocol/handshake.ts";
import { type ServerProcess, startServer } from "../server.ts";

const SECRET = crypto.getRandomValues(new Uint8Array(32)).toBase64();

/** Runs a test against a server of its own in a folder of its own, and ends both. */
async function hosted(
  test: (url: string, server: ServerProcess) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const server = startServer(folder, "serve", { SECRET, ...env });
  try {
    await test(await server.url, server);
  } finally {
    server.kill("SIGINT");
    const { code, stderr } = await server.ended;
    await Deno.remove(folder, { recursive: true });
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  }
}

async function ask(
  url: string,
  path: string,
  json: unknown,
  token?: string,
  // deno-lint-ignore no-explicit-any
): Promise<any> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
    },
    body: JSON.stringify(json),
  });
  const body = await response.json();
  assert.ok(response.ok, JSON.stringify(body));
  return body;
}

async function join(url: string, username: string) {
  const password = `password of ${username}`;
  return await ask(url, "/auth/register", { username, password });
}

async function open(url: string, headers: Record<string, string> = {}) {
  const socket = `${url.replace("http", "ws")}/api/v1/ws`;
  const client = new Client(socket, { headers });
  await client.opened;
  return client;
}

Deno.test("under deno serve two people talk, in one order, across isolates, and are told when it ends", async () => {
  const clients: Client[] = [];
  await hosted(async (url) => {
    const ada = await join(url, "ada");
    const bob = await join(url, "bob");
    const room = await ask(
      url,
      "/rooms",
      { type: "group", members: [bob.user.id] },
      ada.accessToken,
    );
    // Ada has one more socket than one isolate lets in: the kernel deals connections out.
    const hers = Array.from({ length: LIMITS.socketsPerUser + 1 }, () => ada);
    for (const { accessToken } of [bob, ...hers]) {
      const client = await open(url);
      clients.push(client);
      await client.command("hello", { token: accessToken, batch: true });
    }
    const sent: { seq: number }[] = await Promise.all(
      clients.map((client, index) =>
        client.command("message.send", { room: room.id, text: `no ${index}` })
      ),
    );
    const last = Math.max(...sent.map(({ seq }) => seq));
    for (const client of clients) await client.event(room.id, last);
    for (const client of clients) {
      assert.deepEqual(client.events(room.id), clients[0]!.events(room.id));
      client.requireFit();
    }
    assert.equal(new Set(sent.map(({ seq }) => seq)).size, clients.length);
  }, { DENO_JOBS: "2", RATE_SCALE: "0" });
  for (const client of clients) {
    // The runtime ends its sockets itself at a signal, with 1001; `bye` comes before.
    const { data } = await client.until(({ type }) => type === "bye");
    assert.equal(data.code, 4001);
    assert.equal((await client.closed).code, 1001);
  }
});

Deno.test("a host that ends tells every socket of an isolate to come back, however many there are", async () => {
  const folder = await Deno.makeTempDir();
  const server = startServer(folder, "serve", {
    SECRET,
    RATE_SCALE: "0",
    DENO_JOBS: "1",
  });
  const url = await server.url;
  const clients: Client[] = [];
  for (let count = 0; count < 500; count++) clients.push(await open(url));
  server.kill("SIGINT");
  for (const client of clients) {
    const { data } = await client.until(({ type }) => type === "bye");
    assert.deepEqual([data.code, data.reconnect], [4001, true]);
    await client.closed;
  }
  const { code, stderr } = await server.ended;
  await Deno.remove(folder, { recursive: true });
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
});

Deno.test("under deno serve upgrades are checked as everywhere", () =>
  hosted(async (url) => {
    const { accessToken } = await join(url, "ada");
    const knocks: [number, string, Record<string, string>][] = [
      [101, "", {}],
      [101, "", { Upgrade: "WebSocket", Connection: "keep-alive, upgrade" }],
      [101, "", { Authorization: `Bearer ${accessToken}` }],
      [101, "", { Origin: url }],
      [401, "", { Authorization: "Bearer wrong" }],
      [401, "", { Authorization: "Basic wrong" }],
      [401, "?ticket=wrong", {}],
      [403, "", { Origin: "https://elsewhere.example" }],
      [400, "", { "Sec-WebSocket-Version": "7" }],
      [400, "", { "Sec-WebSocket-Key": "short" }],
      [404, "", { Upgrade: "h2c" }],
    ];
    for (const [status, query, headers] of knocks) {
      const answer = await shakeHands(url, query, headers);
      assert.equal(answer.status, status, JSON.stringify(headers));
      assert.equal(answer.problem?.status, status === 101 ? undefined : status);
    }
    const { headers } = await shakeHands(url, "", {
      "Sec-WebSocket-Protocol": "secret,kvorum.v1",
    });
    assert.equal(headers.get("sec-websocket-protocol"), "kvorum.v1");
    assert.equal(headers.has("x-request-id"), false);
  }));

Deno.test("under deno serve new sockets of an address are limited over REST's own count", () =>
  hosted(async (url) => {
    const statuses = new Set<number>();
    while (!statuses.has(429)) {
      statuses.add((await shakeHands(url)).status);
    }
    assert.deepEqual([...statuses], [101, 429]);
  }, { RATE_SCALE: "0.1" }));

Deno.test("under deno serve settings that do not hold are told in one line", async () => {
  const cases: [Record<string, string>, string | undefined][] = [
    [{ PORT: "9" }, "PORT"],
    [{ PORT: "9", HOST: "0.0.0.0", ISOLATES: "2" }, "PORT, HOST, ISOLATES"],
    [{ HOST: "127.0.0.1" }, undefined],
    [{}, undefined],
  ];
  for (const [env, ignored] of cases) {
    const folder = await Deno.makeTempDir();
    const server = startServer(folder, "serve", {
      SECRET,
      // A signal finds no isolate that has not started yet.
      DENO_JOBS: "1",
      ...env,
    });
    await server.url;
    server.kill("SIGINT");
    const { stdout } = await server.ended;
    await Deno.remove(folder, { recursive: true });
    const told = stdout.trim().split("\n").map((line) => JSON.parse(line))
      .filter(({ event }) => event === "server.settings_ignored");
    assert.deepEqual(
      told.map(({ settings }) => settings),
      ignored === undefined ? [] : [ignored],
    );
    for (const { meaning } of told) assert.match(meaning, /DENO_SERVE_ADDRESS/);
  }
});

Deno.test("under deno serve a memory database is refused", async () => {
  const folder = await Deno.makeTempDir();
  const env = { SECRET, KV: ":memory:" };
  const { code, stderr } = await startServer(folder, "serve", env).ended;
  await Deno.remove(folder, { recursive: true });
  assert.equal(code, 1);
  assert.match(stderr, /KV is :memory:, which isolates can't share\.\n/);
});
