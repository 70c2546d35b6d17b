// Deno Deploy's entry: main.ts on the Deno that runs there, without flags, on the database that is attached.
import assert from "node:assert/strict";
import { ask, register } from "../faults/rest.ts";
import { Client } from "../protocol/client.ts";
import { readHistory } from "../protocol/exactly_once.ts";
import { Denokv, hasDenokv } from "../denokv.ts";
import { fetchOldestDeno } from "../oldest_deno.ts";
import {
  runTask,
  type ServerProcess,
  startOnDeploy,
  startServer,
} from "../server.ts";

const SECRET = crypto.getRandomValues(new Uint8Array(32)).toBase64();
/** After SIGINT Deno Deploy waits for so long, then kills. */
const KILLED_AFTER_MS = 5_000;

async function inFolder(test: (folder: string, deno: string) => Promise<void>) {
  const deno = await fetchOldestDeno();
  const folder = await Deno.makeTempDir();
  try {
    await test(folder, deno);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Deployed {
  readonly folder: string;
  readonly denokv: Denokv;
  start(env?: Readonly<Record<string, string>>): ServerProcess;
}

/** With a denokv server in the place of the attached database. What was started on it ends with the test. */
function onDeploy(test: (deployed: Deployed) => Promise<void>): Promise<void> {
  return inFolder(async (folder, deno) => {
    const denokv = new Denokv(folder);
    await denokv.start();
    const running = new Set<ServerProcess>();
    const start: Deployed["start"] = (env = {}) => {
      const settings = { SECRET, ...env, ...denokv.attached };
      const server = startOnDeploy(folder, deno, settings);
      running.add(server);
      void server.ended.then(() => running.delete(server));
      return server;
    };
    try {
      await test({ folder, denokv, start });
    } finally {
      for (const server of [...running]) {
        server.kill("SIGKILL");
        await server.ended;
      }
      await denokv.kill();
    }
  });
}

async function connect(url: string, token: string): Promise<Client> {
  const client = new Client(`${url.replace("http", "ws")}/api/v1/ws`);
  await client.opened;
  await client.command("hello", { token });
  return client;
}

for (const asked of [false, true]) {
  // What Deno sets where it makes a server of what a program exports; not known of Deno Deploy, so both must do.
  const auto: Record<string, string> = asked ? { DENO_AUTO_SERVE: "1" } : {};
  const how = asked ? ", made a server by Deno," : "";

  Deno.test({
    name:
      `on Deno Deploy's Deno main.ts${how} serves from the attached database, ends by itself at SIGINT, and loses nothing when killed`,
    ignore: !hasDenokv,
    fn: () =>
      onDeploy(async ({ start }) => {
        let server = start(auto);
        let url = await server.url;
        const ada = await register(url, "ada");
        const bob = await register(url, "bob");
        const login = { login: "bob", password: "correct horse battery" };
        const { accessToken } = await ask(
          url,
          null,
          "POST",
          "/auth/login",
          login,
        );
        const { id: room } = await ask(url, ada.token, "POST", "/rooms", {
          type: "group",
          members: [bob.user],
        });
        const [from, to] = [
          await connect(url, ada.token),
          await connect(url, accessToken),
        ];
        const { seq } = await from.command("message.send", {
          room,
          text: "Hello",
        });
        const { data } = await to.event(room, seq);
        assert.equal(data.text, "Hello");

        server.kill("SIGINT");
        const killer = setTimeout(
          () => server.kill("SIGKILL"),
          KILLED_AFTER_MS,
        );
        for (const client of [from, to]) {
          const bye = await client.until(({ type }) => type === "bye");
          assert.equal(bye.data.code, 4001);
          await client.closed;
        }
        const { code } = await server.ended;
        clearTimeout(killer);
        assert.equal(code, 0);

        server = start(auto);
        url = await server.url;
        const client = await connect(url, accessToken);
        const texts = Array.from({ length: 50 }, (_, i) => `no ${i}`);
        await Promise.all(
          texts.map((text) => client.command("message.send", { room, text })),
        );
        server.kill("SIGKILL");
        await server.ended;
        await client.closed;

        server = start(auto);
        url = await server.url;
        const history = await readHistory((query) =>
          ask(url, ada.token, "GET", `/rooms/${room}/messages?${query}`)
        );
        assert.deepEqual(history.map(({ text }) => text), [
          "Hello",
          ...texts,
        ]);
      }),
  });
}

Deno.test({
  name:
    "on Deno Deploy's Deno a key and an admin that the tasks make with today's are known",
  ignore: !hasDenokv,
  fn: () =>
    onDeploy(async ({ folder, denokv, start }) => {
      const url = await start().url;
      const { token } = await register(url, "ada");
      const run = async (...[task, ...args]: [string, ...string[]]) => {
        const { settings } = denokv;
        const ended = await runTask(folder, task, args, settings);
        assert.deepEqual([ended.code, ended.stderr], [0, ""]);
        return ended.stdout.trim();
      };
      const key = await run("key", "shop", "users");
      await ask(url, key, "POST", "/admin/users", { username: "bob" });
      await run("admin", "ada");
      await assert.rejects(ask(url, token, "GET", "/users/me"));
      const form = { login: "ada", password: "correct horse battery" };
      const ada = await ask(url, null, "POST", "/auth/login", form);
      await ask(url, ada.accessToken, "GET", "/admin/keys");
    }),
});

Deno.test({
  name:
    "who registered on Deno Deploy's Deno logs in on today's, which hashes the password anew, and is known there still",
  ignore: !hasDenokv,
  fn: () =>
    onDeploy(async ({ folder, denokv, start }) => {
      const older = start();
      await older.url.then((url) => register(url, "ada"))
        .finally(() => older.kill("SIGKILL"));
      await older.ended;
      const newer = startServer(folder, "production", {
        SECRET,
        ...denokv.settings,
      });
      try {
        const form = { login: "ada", password: "correct horse battery" };
        const login = ["POST", "/auth/login", form] as const;
        const url = await newer.url;
        await ask(url, null, ...login);
        const { accessToken } = await ask(url, null, ...login);
        await ask(url, accessToken, "POST", "/rooms", { type: "group" });
        // As while a newer Deno is rolled out.
        const old = await start().url;
        const { items } = await ask(old, accessToken, "GET", "/rooms");
        assert.equal(items.length, 1);
        await assert.rejects(ask(old, null, ...login), /unavailable/);
      } finally {
        newer.kill("SIGKILL");
        await newer.ended;
      }
    }),
});

for (
  const [what, env, said] of [
    ["without a database", {}, /^No database is attached: assign/],
    [
      "with a database in a file",
      { DENO_KV_DEFAULT_PATH: "data/kvorum.db" },
      /^No database is attached: assign/,
    ],
    ["with KV", { KV: "data/kvorum.db" }, /^KV is set: leave it unset/],
    ["without SECRET", { SECRET: "" }, /^SECRET is not set/],
  ] as const
) {
  Deno.test(`on Deno Deploy's Deno ${what} main.ts says what to do, and does not start`, () =>
    inFolder(async (folder, deno) => {
      const server = startOnDeploy(folder, deno, { SECRET, ...env });
      const { code, stdout, stderr } = await server.ended;
      assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
      assert.match(stderr, said);
      assert.deepEqual([...Deno.readDirSync(folder)], []);
    }));
}
