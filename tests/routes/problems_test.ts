// Refusals as HTTP: addresses and methods that are not there, errors nobody foresaw, headers.
import assert from "node:assert/strict";
import { REFUSALS, Refused } from "../../kv/errors.ts";
import { openApiDocument } from "../../routes/documents/documents.ts";
import { inApp, refused } from "./world.ts";

Deno.test("an unknown address is not_found", () =>
  inApp(async ({ ask, join }) => {
    const { token } = await join("ada");
    for (const path of ["/", "/nothing", "/rooms/a/b/c", "/rooms/", "//"]) {
      refused(await ask("GET", path, { token }), 404, "not_found");
      refused(await ask("OPTIONS", path, { token }), 404, "not_found");
    }
    const { detail } = refused(await ask("GET", "/nothing"), 404, "not_found");
    assert.match(detail, /no such address: \/docs/);
  }));

Deno.test("not_found names what is not there, and says the same of rooms that are none and that others have", () =>
  inApp(async ({ ask, join }) => {
    const [ada, bob] = [await join("ada"), await join("bob")];
    const { body } = await ask("POST", "/rooms", {
      token: ada.token,
      json: { type: "group" },
    });
    const messages = `/rooms/${body.id}/messages`;
    const detailOf = async (
      { token }: { token: string },
      ...[method, path, json]: [string, string, unknown?]
    ) => {
      const answer = await ask(method, path, {
        token,
        ...(json ? { json } : {}),
      });
      return refused(answer, 404, "not_found").detail;
    };
    const hidden = "There is no such room, or you are not in it.";
    for (const path of ["/rooms/none/messages", messages, `${messages}/none`]) {
      assert.equal(await detailOf(bob, "GET", path), hidden);
      if (path.endsWith("/none")) continue;
      assert.equal(await detailOf(bob, "POST", path, { text: "hi" }), hidden);
    }
    assert.equal(
      await detailOf(ada, "GET", `${messages}/none`),
      "There is no such message.",
    );
    assert.equal(
      await detailOf(ada, "POST", "/rooms", {
        type: "group",
        members: ["bob"],
      }),
      "There is no user with that id; a username is not an id.",
    );
    assert.equal(
      await detailOf(ada, "DELETE", `/rooms/${body.id}/members/${bob.id}`),
      "There is no such member.",
    );
  }));

Deno.test("a socket's address without an upgrade says what is missing", () =>
  inApp(async ({ ask }) => {
    const { detail } = refused(await ask("GET", "/ws"), 404, "not_found");
    assert.match(detail, /WebSockets.*Upgrade/);
  }));

Deno.test("a known address with another method is method_not_allowed and says which", () =>
  inApp(async ({ ask, fetch }) => {
    const answer = await ask("DELETE", "/rooms/public");
    refused(answer, 405, "method_not_allowed");
    assert.equal(answer.headers.get("allow"), "GET, HEAD, OPTIONS");
    refused(await ask("GET", "/auth/login"), 405, "method_not_allowed");
    refused(await ask("PUT", "/users/me"), 405, "method_not_allowed");
    refused(await ask("PATCH", "/users/x"), 405, "method_not_allowed");
    const root = await fetch("/healthz", { method: "POST" });
    assert.equal(root.status, 405);
    await root.body?.cancel();
  }));

Deno.test("OPTIONS names the methods, HEAD answers as GET without a body", () =>
  inApp(async ({ fetch, join }) => {
    const { token } = await join("ada");
    const options = await fetch("/api/v1/rooms", { method: "OPTIONS" });
    assert.equal(options.status, 204);
    assert.equal(options.headers.get("allow"), "POST, GET, HEAD, OPTIONS");
    const head = await fetch("/api/v1/users/me", {
      method: "HEAD",
      headers: { Authorization: `Bearer ${token}` },
    });
    assert.equal(head.status, 200);
    assert.equal(await head.text(), "");
  }));

Deno.test("an unforeseen error shows nothing of itself and is logged under the request's id", () =>
  inApp(async ({ ask, join, core, logged }) => {
    const { token } = await join("ada");
    core.store.get = () => Promise.reject(new Error("secret of the store"));
    core.store.getMany = () => Promise.reject(new Error("secret of the store"));
    const answer = await ask("GET", "/users/me", { token });
    const problem = refused(answer, 500, "internal");
    assert.doesNotMatch(JSON.stringify(problem), /secret|\.ts|Error/);
    assert.equal(logged.length, 1);
    const [entry] = logged as { requestId: string; error: string }[];
    assert.equal(entry?.requestId, answer.headers.get("x-request-id"));
    assert.match(entry?.error ?? "", /secret of the store/);
  }));

Deno.test("a refusal with a time to wait names it in milliseconds and in seconds", () =>
  inApp(async ({ ask, join, core }) => {
    const { token } = await join("ada");
    core.store.get = () =>
      Promise.reject(
        new Refused("unavailable", "Busy.", { retryAfterMs: 1500 }),
      );
    const answer = await ask("GET", "/users/me", { token });
    const problem = refused(answer, 503, "unavailable");
    assert.equal(problem.retryable, true);
    assert.equal(problem.retryAfterMs, 1500);
    assert.equal(answer.headers.get("retry-after"), "2");
  }));

Deno.test("every code is in the documents under its status", () => {
  const { components } = JSON.parse(openApiDocument());
  for (const [code, { status }] of Object.entries(REFUSALS)) {
    const response = components.responses[`Refused${status}`];
    const isSocketOnly = /frame|command|hello/.test(code);
    const isUnused = code === "gone" || code === "method_not_allowed";
    if (isSocketOnly || isUnused) continue;
    assert.match(response.description, new RegExp(`\`${code}\``));
  }
});
