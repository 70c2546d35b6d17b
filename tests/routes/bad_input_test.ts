// Bad input by REST: each kind gets its coded problem, changes nothing, and costs little.
import assert from "node:assert/strict";
import { LIMITS } from "../../kv/limits.ts";
import { inApp, refused } from "./world.ts";

const LOGIN = "/auth/login";

Deno.test("a body that is no JSON is malformed_json", () =>
  inApp(async ({ ask }) => {
    const bodies = ["{", '{"login":"a', "{'a':1}", "undefined", "\u0000", "]"];
    for (const body of bodies) {
      refused(await ask("POST", LOGIN, { body }), 400, "malformed_json");
    }
  }));

Deno.test("a body that is not UTF-8 is malformed_json", () =>
  inApp(async ({ ask }) => {
    for (const bytes of [[0x22, 0xff, 0x22], [0x22, 0xc3]]) {
      const body = new Uint8Array(bytes);
      refused(await ask("POST", LOGIN, { body }), 400, "malformed_json");
    }
  }));

Deno.test("deep nesting is malformed_json, within the limit it is only invalid", () =>
  inApp(async ({ ask }) => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    const deep = [
      nested(LIMITS.jsonDepth + 1),
      nested(60_000),
      '{"a":'.repeat(20_000) + "1" + "}".repeat(20_000),
      "[".repeat(100_000),
    ];
    for (const body of deep) {
      refused(await ask("POST", LOGIN, { body }), 400, "malformed_json");
    }
    const brackets = JSON.stringify({ login: '\\"' + "[".repeat(200) });
    for (const body of [nested(LIMITS.jsonDepth), brackets]) {
      refused(await ask("POST", LOGIN, { body }), 400, "invalid");
    }
  }));

Deno.test("a body that is no object is invalid", () =>
  inApp(async ({ ask }) => {
    for (const body of ["null", "[]", '"text"', "7", "true", "[{}]"]) {
      refused(await ask("POST", LOGIN, { body }), 400, "invalid");
    }
  }));

Deno.test("no body counts as an empty object", () =>
  inApp(async ({ ask, join }) => {
    const { token } = await join("ada");
    const problem = refused(await ask("POST", LOGIN), 400, "invalid");
    assert.deepEqual(
      problem.errors.map(({ path }: { path: string }) => path),
      ["login", "password"],
    );
    assert.equal((await ask("PATCH", "/users/me", { token })).status, 200);
  }));

Deno.test("wrong types and operator objects are invalid, and errors say where", () =>
  inApp(async ({ ask, join }) => {
    const { token } = await join("ada");
    const values = [{ $gt: "" }, { $ne: null }, ["ada"], 7, true, null];
    for (const login of values) {
      const json = { login, password: "password of ada" };
      const problem = refused(
        await ask("POST", LOGIN, { json }),
        400,
        "invalid",
      );
      assert.equal(problem.errors[0].path, "login");
      assert.match(problem.errors[0].message, /expected string/);
    }
    const json = { type: "group", members: ["a", { $in: [] }] };
    const problem = refused(
      await ask("POST", "/rooms", { json, token }),
      400,
      "invalid",
    );
    assert.equal(problem.errors[0].path, "members.1");
  }));

Deno.test("errors begin with the rule that was broken, not with what a library calls it", () =>
  inApp(async ({ ask, join }) => {
    const { token } = await join("ada");
    const errorsOf = async (method: string, path: string, json?: unknown) => {
      const answer = await ask(method, path, {
        token,
        ...(json ? { json } : {}),
      });
      return refused(answer, 400, "invalid").errors;
    };
    const expected = (path: string, message: string) => [{ path, message }];
    assert.deepEqual(
      await errorsOf("POST", "/rooms", { type: "club" }),
      expected("type", 'expected one of "direct"|"group"|"channel"'),
    );
    assert.deepEqual(
      await errorsOf("GET", "/rooms?limit=1000"),
      expected("limit", "expected number to be <=100"),
    );
    assert.deepEqual(
      await errorsOf("GET", "/rooms?limit=0"),
      expected("limit", "expected number to be >=1"),
    );
    assert.deepEqual(
      await errorsOf("PATCH", "/users/me", { avatar: "me.png" }),
      expected("avatar", "must be an http(s) URL"),
    );
    const account = { username: "bob", password: "password of bob" };
    assert.deepEqual(
      await errorsOf("POST", "/auth/register", { ...account, email: "bob" }),
      expected("email", "must be an e-mail address"),
    );
  }));

Deno.test("hostile lists get a bounded list of errors", () =>
  inApp(async ({ ask, join }) => {
    const { token } = await join("ada");
    const json = { type: "group", members: Array(5_000).fill(0) };
    const problem = refused(
      await ask("POST", "/rooms", { json, token }),
      400,
      "invalid",
    );
    assert.ok(problem.errors.length <= 20);
  }));

Deno.test("lone surrogates, control characters and over-long texts are invalid", () =>
  inApp(async ({ ask, join }) => {
    const { token } = await join("ada");
    const names = ['"\\ud800"', '"\\udc00x"', '"a\\u0000b"', '"\\u0085"'];
    names.push(JSON.stringify("x".repeat(81)), JSON.stringify("😀".repeat(81)));
    for (const name of names) {
      const body = `{"displayName":${name}}`;
      refused(await ask("PATCH", "/users/me", { body, token }), 400, "invalid");
    }
    const { body } = await ask("GET", "/users/me", { token });
    assert.equal(body.displayName, "ada");
  }));

Deno.test("a body over the limit is too_large, whatever its announced length says", () =>
  inApp(async ({ ask }) => {
    const body = JSON.stringify({ login: "x".repeat(LIMITS.bodyBytes) });
    refused(await ask("POST", LOGIN, { body }), 413, "too_large");
    const headers = { "Content-Length": String(body.length) };
    refused(await ask("POST", LOGIN, { body, headers }), 413, "too_large");
  }));

Deno.test("a chunked body is read no further than the limit", () =>
  inApp(async ({ ask }) => {
    let sent = 0;
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 10_000;
        controller.enqueue(new Uint8Array(10_000).fill(0x20));
      },
      cancel() {
        cancelled = true;
      },
    });
    refused(await ask("POST", LOGIN, { body }), 413, "too_large");
    assert.ok(cancelled);
    assert.ok(sent < LIMITS.bodyBytes + 50_000, `${sent} bytes were taken`);
  }));

Deno.test("a body that breaks off is malformed_json", () =>
  inApp(async ({ ask, logged }) => {
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error("connection reset")),
    });
    refused(await ask("POST", LOGIN, { body }), 400, "malformed_json");
    assert.deepEqual(logged, []);
  }));

Deno.test("a body of another media type is unsupported_media_type", () =>
  inApp(async ({ ask }) => {
    const body = '{"login":"ada","password":"x"}';
    for (
      const type of [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
      ]
    ) {
      const headers = { "Content-Type": type };
      const answer = await ask("POST", LOGIN, { body, headers });
      refused(answer, 415, "unsupported_media_type");
    }
    const headers = { "Content-Type": "Application/JSON ; charset=utf-8" };
    refused(
      await ask("POST", LOGIN, { body, headers }),
      401,
      "unauthenticated",
    );
  }));

Deno.test("unknown fields and __proto__ change nothing", () =>
  inApp(async ({ ask, join }) => {
    const { token, id } = await join("ada");
    const body = '{"__proto__":{"admin":true},"constructor":{"prototype":1},' +
      '"id":"x","email":"a@b.example","displayName":"Ada"}';
    const answer = await ask("PATCH", "/users/me", { body, token });
    assert.equal(answer.status, 200);
    assert.equal(answer.body.id, id);
    assert.equal(answer.body.email, undefined);
    assert.equal("admin" in {}, false);
    const query = "/rooms?__proto__=1&constructor=2&limit=2";
    assert.equal((await ask("GET", query, { token })).status, 200);
  }));

Deno.test("the path's parameters win over fields of the body", () =>
  inApp(async ({ ask, join }) => {
    const { token } = await join("ada");
    const make = async () => {
      const json = { type: "group", name: "made" };
      return (await ask("POST", "/rooms", { json, token })).body.id;
    };
    const [here, there] = [await make(), await make()];
    const json = { room: there, name: "renamed" };
    await ask("PATCH", `/rooms/${here}`, { json, token });
    const nameOf = async (room: string) =>
      (await ask("GET", `/rooms/${room}`, { token })).body.name;
    assert.equal(await nameOf(here), "renamed");
    assert.equal(await nameOf(there), "made");
  }));

Deno.test("numbers in a query are read as numbers where they are some", () =>
  inApp(async ({ ask, join }) => {
    const { token } = await join("ada");
    assert.equal((await ask("GET", "/rooms?limit=5", { token })).status, 200);
    const bad = ["0", "101", "-1", "1.5", "1e1", "0x1", "", "%20", "NaN", "a"];
    for (const limit of bad) {
      const answer = await ask("GET", `/rooms?limit=${limit}`, { token });
      assert.equal(
        refused(answer, 400, "invalid").errors[0].path,
        "limit",
        limit,
      );
    }
    refused(
      await ask("GET", "/rooms?limit=1&limit=2", { token }),
      400,
      "invalid",
    );
  }));

Deno.test("a search text of any kind is no error", () =>
  inApp(async ({ ask, join }) => {
    const { token } = await join("ada");
    for (const q of ["(", "[", "*", ".*", "\\", "$where", "%", "'; --", "ﬁ"]) {
      const path = `/users?q=${encodeURIComponent(q)}`;
      assert.equal((await ask("GET", path, { token })).status, 200, q);
    }
  }));

Deno.test("what does not exist and what one may not see get the same answer", () =>
  inApp(async ({ ask, join }) => {
    const [ada, bob] = [await join("ada"), await join("bob")];
    const json = { type: "group", name: "secret" };
    const { body } = await ask("POST", "/rooms", { json, token: ada.token });
    const answers = [];
    for (const room of [body.id, "nothing-here"]) {
      const answer = await ask("GET", `/rooms/${room}`, { token: bob.token });
      answers.push(refused(answer, 404, "not_found"));
    }
    assert.deepEqual(answers[0], answers[1]);
  }));

Deno.test("ids that are none are refused before anything is read", () =>
  inApp(async ({ ask, join }) => {
    const { token } = await join("ada");
    const ids = [
      "%00",
      "a%2Fb",
      "%F0%9F%98%80",
      "a%20b",
      "x".repeat(65),
      "%ff",
    ];
    for (const id of ids) {
      refused(await ask("GET", `/rooms/${id}`, { token }), 400, "invalid");
    }
  }));

Deno.test("without a good token every user operation is unauthenticated", () =>
  inApp(async ({ ask, join }) => {
    const { token } = await join("ada");
    const [head, claims, signature] = token.split(".");
    const none = btoa('{"alg":"none"}').replaceAll("=", "");
    const headers = [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      `Basic ${token}`,
      token,
      "Bearer garbage",
      "Bearer a.b.c",
      `Bearer ${none}.${claims}.`,
      `Bearer ${head}.${claims}.${signature?.split("").reverse().join("")}`,
      `Bearer ${"x".repeat(20_000)}`,
    ];
    for (const authorization of headers) {
      const answer = await ask("GET", "/users/me", {
        headers: authorization === undefined
          ? {}
          : { Authorization: authorization },
      });
      refused(answer, 401, "unauthenticated");
    }
    // Who is not let in is not told what else is wrong.
    refused(await ask("POST", "/rooms", { body: "{" }), 401, "unauthenticated");
  }));
