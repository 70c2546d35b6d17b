// Starting and ending as people do it: main.ts as a process, by its output, its answers and its exit code.
import assert from "node:assert/strict";
import { LIMITS } from "../kv/limits.ts";
import { listSettings } from "../kv/settings.ts";
import { ask, register } from "./faults/rest.ts";
import { Client } from "./protocol/client.ts";
import { permissionsOf, startServer } from "./server.ts";

const STRONG = crypto.getRandomValues(new Uint8Array(32)).toBase64();

async function inFolder(test: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("development says where it listens and what to try, answers, and ends at SIGINT despite open sockets", () =>
  inFolder(async (folder) => {
    const server = startServer(folder, "development");
    const url = await server.url;
    const response = await fetch(`${url}/healthz`);
    assert.equal(response.status, 200);
    await response.body?.cancel();

    // One that never asks, one in the middle of a request, one that asked for an upgrade.
    const address = { hostname: "127.0.0.1", port: Number(new URL(url).port) };
    const sockets = await Promise.all(
      [0, 1, 2].map(() => Deno.connect(address)),
    );
    const halfSaid = "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\n" +
      "Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{";
    await sockets[1]!.write(new TextEncoder().encode(halfSaid));
    const upgrade = "GET /api/v1/ws HTTP/1.1\r\nHost: x\r\n" +
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    await sockets[2]!.write(new TextEncoder().encode(upgrade));
    await sockets[2]!.read(new Uint8Array(1000));

    server.kill("SIGINT");
    const { code, stdout, stderr } = await server.ended;
    for (const socket of sockets) socket.close();
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    assert.match(stdout, new RegExp(`curl ${url}/api/v1/auth/register`));
    assert.match(stdout, /wscat\S* -c ws:\/\/127\.0\.0\.1:\d+\/api\/v1\/ws/);
    assert.match(stdout, /\/docs\n/);
  }));

Deno.test("development makes its own SECRET and keeps it", () =>
  inFolder(async (folder) => {
    const secrets: string[] = [];
    for (let start = 0; start < 2; start++) {
      const server = startServer(folder, "development");
      await server.url;
      secrets.push(await Deno.readTextFile(`${folder}/data/secret`));
      server.kill("SIGINT");
      assert.equal((await server.ended).code, 0);
    }
    assert.equal(Uint8Array.fromBase64(secrets[0]!).length, 32);
    assert.equal(secrets[1], secrets[0]);
  }));

Deno.test("production says in JSON that it listens", () =>
  inFolder(async (folder) => {
    const env = { SECRET: STRONG, HOST: "127.0.0.1" };
    const server = startServer(folder, "production", env);
    const url = await server.url;
    server.kill("SIGTERM");
    const { code, stdout } = await server.ended;
    assert.equal(code, 0);
    const [first] = stdout.trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual({ event: first.event, url: first.url }, {
      event: "server.listening",
      url,
    });
    assert.ok(!stdout.includes(STRONG));
  }));

Deno.test("production makes no SECRET and starts on no weak one", () =>
  inFolder(async (folder) => {
    const weak = btoa("a".repeat(40));
    const refusals = {
      "":
        /^SECRET is not set: set it to what `openssl rand -base64 32` prints, and keep it\.\n$/,
      [weak]: /^SECRET is not random: set it to .+\n$/,
    };
    for (const [secret, refusal] of Object.entries(refusals)) {
      const env = { SECRET: secret };
      const { code, stdout, stderr } = await startServer(
        folder,
        "production",
        env,
      ).ended;
      assert.equal(code, 1);
      assert.match(stderr, refusal);
      assert.equal(stdout, "");
      assert.ok(!stderr.includes(weak));
    }
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));

Deno.test("a port that is taken is told in one line", () =>
  inFolder(async (folder) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    const { code, stderr } = await startServer(folder, "development", {
      PORT: String(port),
    }).ended;
    assert.equal(code, 1);
    assert.equal(
      stderr,
      `Port ${port} on 127.0.0.1 is taken: end what listens there, or set PORT to another one.\n`,
    );
  }));

Deno.test("with ISOLATES the process serves from so many, what is said at one is heard at all, and all their sockets are told goodbye", () =>
  inFolder(async (folder) => {
    const env = { SECRET: STRONG, HOST: "127.0.0.1", ISOLATES: "3" };
    const server = startServer(folder, "production", {
      ...env,
      RATE_SCALE: "0",
    });
    const url = await server.url;
    const { token } = await register(url, "ada");
    const form = { type: "group", members: [] };
    const { id: room } = await ask(url, token, "POST", "/rooms", form);
    // One more than two isolates let in: the kernel deals connections out, some to those that are full.
    const clients: Client[] = [];
    while (clients.length <= 2 * LIMITS.socketsPerUser) {
      const client = new Client(`${url.replace("http", "ws")}/api/v1/ws`);
      await client.opened;
      const { ok } = await client.ask("hello", { token });
      if (ok) clients.push(client);
      else assert.equal((await client.closed).code, 4029);
    }
    const said = await clients[0]!.command("message.send", {
      room,
      text: "to all",
    });
    for (const client of clients) await client.event(room, said.seq);
    server.kill("SIGINT");
    for (const client of clients) {
      assert.equal((await client.closed).code, 4001);
    }
    const { code, stdout, stderr } = await server.ended;
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    assert.deepEqual(
      stdout.trim().split("\n").map((line) => JSON.parse(line).event),
      ["server.listening", "server.stopped"],
    );
  }));

Deno.test("several isolates take no port that somebody has, though he would share it", () =>
  inFolder(async (folder) => {
    const env = { SECRET: STRONG, HOST: "127.0.0.1", ISOLATES: "2" };
    const first = startServer(folder, "production", env);
    const { port } = new URL(await first.url);
    const second = startServer(folder, "production", {
      ...env,
      PORT: port,
      KV: "data/other.db",
    });
    const { code, stderr } = await second.ended;
    first.kill("SIGINT");
    await first.ended;
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^Port ${port} on 127.0.0.1 is taken: `));
  }));

Deno.test("an address that deno serve can't listen on ends it, and is told with what to set", () =>
  inFolder(async (folder) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    const hint = "set DENO_SERVE_ADDRESS to another address, such as";
    for (
      const [address, why] of [
        [`tcp:127.0.0.1:${port}`, "is taken: end what listens there, or"],
        ["tcp:203.0.113.1:9000", "can't be listened on (Cannot assign"],
      ] as const
    ) {
      const { code, stdout, stderr } = await startServer(folder, "serve", {
        SECRET: STRONG,
        DENO_SERVE_ADDRESS: address,
      }).ended;
      assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
      assert.ok(stderr.includes(`${address} ${why}`), stderr);
      assert.ok(stderr.includes(hint), stderr);
    }
  }));

Deno.test("an address for deno serve is refused where it would move us from our own", () =>
  inFolder(async (folder) => {
    for (const ISOLATES of ["1", "2"]) {
      const { code, stdout, stderr } = await startServer(folder, "production", {
        SECRET: STRONG,
        ISOLATES,
        DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0",
      }).ended;
      assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
      assert.match(stderr, /^DENO_SERVE_ADDRESS is for .*HOST and PORT\.\n$/);
    }
  }));

Deno.test("a signal ends a server that still waits for its database", () =>
  inFolder(async (folder) => {
    // Takes what it is sent, and never answers.
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = silent.addr as Deno.NetAddr;
    const server = startServer(folder, "production", {
      SECRET: STRONG,
      KV: `http://127.0.0.1:${port}`,
      DENO_KV_ACCESS_TOKEN: "any",
    });
    using _asked = await silent.accept();
    server.kill("SIGTERM");
    const { code, stdout, stderr } = await server.ended;
    assert.deepEqual({ code, stdout, stderr }, {
      code: 1,
      stdout: "",
      stderr: "",
    });
  }));

Deno.test("the tasks that start a server may read every setting, and may do the same", () => {
  const permissions = permissionsOf("start");
  assert.deepEqual(permissionsOf("dev"), permissions);
  // Isolates of one's own are workers, which read the program; those of `deno serve` are the runtime's.
  const isolates = /,\S*main\.ts,\S*routes,\S*realtime,\S*kv$/;
  assert.deepEqual(
    permissionsOf("serve"),
    permissions.map((flag) => flag.replace(isolates, "")),
  );
  const readable = permissions.find((flag) => flag.startsWith("--allow-env="))
    ?.split("=")[1]?.split(",") ?? [];
  for (const { name } of listSettings()) {
    assert.ok(readable.includes(name), name);
  }
});
