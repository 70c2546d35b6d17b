// The tasks `key` and `admin` as people run them: beside a running server, or before there ever was one.
import assert from "node:assert/strict";
import { type Ended, runTask, startServer } from "./server.ts";

const QUIET = { RATE_SCALE: "0" };

async function inFolder(test: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function ask(
  url: string,
  token: string | null,
  method: string,
  path: string,
  json?: unknown,
) {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
      ...(json === undefined ? {} : { "Content-Type": "application/json" }),
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  return { status: response.status, body: await response.json() };
}

function done({ code, stdout, stderr }: Ended): string {
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout.trimEnd();
}

/** The password that was made for a new admin. */
function passwordIn(said: string): string {
  return said.match(/ Password, shown this once: (\S+)$/)![1]!;
}

Deno.test("a key and an admin made beside a running server are known to it at once, and no key is logged", () =>
  inFolder(async (folder) => {
    const env = { ...QUIET, LOG_LEVEL: "debug" };
    const server = startServer(folder, "development", env);
    const url = await server.url;
    const key = done(await runTask(folder, "key", ["shop", "users", "act"]));
    assert.match(key, /^kvk_[\w-]{64}$/);
    const { status, body } = await ask(url, key, "GET", "/users/me");
    assert.deepEqual([status, body.username], [200, "shop"]);

    const form = { username: "ada", password: "correct horse battery" };
    const ada = await ask(url, null, "POST", "/auth/register", form);
    const before = ada.body.accessToken;
    assert.equal((await ask(url, before, "GET", "/admin/keys")).status, 403);
    const said = done(await runTask(folder, "admin", ["ADA"]));
    assert.equal(said, "ADA is an admin, and signed out everywhere.");
    const { refreshToken } = ada.body;
    const refresh = await ask(url, null, "POST", "/auth/refresh", {
      refreshToken,
    });
    assert.equal(refresh.status, 401);
    const login = { login: "ada", password: form.password };
    const again = await ask(url, null, "POST", "/auth/login", login);
    const token = again.body.accessToken;
    const me = await ask(url, token, "GET", "/users/me");
    assert.equal(me.body.role, "admin");
    const { body: keys } = await ask(url, token, "GET", "/admin/keys");
    assert.deepEqual(
      keys.items.map(({ name, createdBy }: Record<string, unknown>) => [
        name,
        createdBy,
      ]),
      [["shop", undefined]],
    );
    // A wrong one is refused, and what is refused could be logged.
    await ask(url, `${key.slice(0, -1)}!`, "GET", "/users/me");

    server.kill("SIGINT");
    const { stdout, stderr } = await server.ended;
    assert.equal((stdout + stderr).includes(key.slice(0, -1)), false);
    const files = [...Deno.readDirSync(`${folder}/data`)];
    for (const { name } of files) {
      const bytes = await Deno.readFile(`${folder}/data/${name}`);
      const text = new TextDecoder("latin1").decode(bytes);
      assert.equal(text.includes(key.slice(-43)), false, name);
    }
  }));

Deno.test("the first admin and the first key can be made before the first start", () =>
  inFolder(async (folder) => {
    const said = done(await runTask(folder, "admin", ["root"]));
    const key = done(await runTask(folder, "key", ["shop", "rooms"]));
    const server = startServer(folder, "development", QUIET);
    const url = await server.url;
    const login = { login: "root", password: passwordIn(said) };
    const { status, body } = await ask(url, null, "POST", "/auth/login", login);
    assert.equal(status, 200);
    const form = { name: "shop", scopes: ["act"] };
    const made = await ask(url, body.accessToken, "POST", "/admin/keys", form);
    assert.equal(made.status, 201);
    assert.equal((await ask(url, key, "GET", "/rooms")).status, 200);
    server.kill("SIGINT");
    await server.ended;
  }));

Deno.test("what a service knows of a user is of no use to it once they are an admin", () =>
  inFolder(async (folder) => {
    const server = startServer(folder, "development", QUIET);
    const url = await server.url;
    const scopes = ["users", "sessions"];
    const key = done(await runTask(folder, "key", ["shop", ...scopes]));
    const form = { username: "zoe", password: "known to the shop" };
    const { body: zoe } = await ask(url, key, "POST", "/admin/users", form);
    const sessions = `/admin/users/${zoe.id}/sessions`;
    const { body: old } = await ask(url, key, "POST", sessions);
    const said = done(await runTask(folder, "admin", ["zoe"]));

    const { refreshToken } = old;
    const logIn = (password: string) =>
      ask(url, null, "POST", "/auth/login", { login: "zoe", password });
    const statuses = [
      await ask(url, old.accessToken, "GET", "/users/me"),
      await ask(url, null, "POST", "/auth/refresh", { refreshToken }),
      await ask(url, key, "POST", sessions),
      await logIn(form.password),
      await logIn(passwordIn(said)),
    ].map(({ status }) => status);
    server.kill("SIGINT");
    await server.ended;
    assert.deepEqual(statuses, [401, 401, 403, 401, 200]);
  }));

Deno.test("what a task is asked for wrongly is said in one line, and nothing is made", () =>
  inFolder(async (folder) => {
    const cases: [string, string[], Record<string, string>, RegExp][] = [
      ["key", [], {}, /^Name an account and its scopes: .*users, rooms/],
      ["key", ["shop"], {}, /^Name an account and its scopes/],
      ["key", ["shop", "everything"], {}, /^scopes\.0: /],
      ["key", ["my shop", "act"], {}, /^name: must be 3 to 32/],
      ["key", ["shop", "act"], { KV: ":memory:" }, /^KV is :memory:/],
      ["key", ["shop", "act"], { KV: "elsewhere" }, /^KV must be a path/],
      ["admin", [], {}, /^Name one user: deno task admin NAME/],
      ["admin", ["ada", "bob"], {}, /^Name one user/],
      ["admin", ["a"], {}, /^must be 3 to 32/],
      ["backup", [], {}, /^Name a file under data/],
    ];
    for (const [task, args, env, line] of cases) {
      const { code, stdout, stderr } = await runTask(folder, task, args, env);
      assert.deepEqual([code, stdout], [1, ""], `${task} ${args}`);
      assert.match(stderr, line);
      assert.equal(stderr.trimEnd().split("\n").length, 1);
    }
    assert.deepEqual([...Deno.readDirSync(folder)], []);

    done(await runTask(folder, "admin", ["ada"]));
    const taken = await runTask(folder, "key", ["ada", "act"]);
    assert.equal(taken.stderr, "This username is a person's.\n");
    done(await runTask(folder, "key", ["shop", "act"]));
    const service = await runTask(folder, "admin", ["shop"]);
    assert.equal(service.stderr, "That is the account of a service.\n");
  }));
