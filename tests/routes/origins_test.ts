// Browsers' pages from other addresses: ORIGINS and PUBLIC_URL may call, nobody else may.
import assert from "node:assert/strict";
import { inApp } from "./world.ts";

const FRIEND = "https://chat.example.com";
const SELF = "https://kvorum.example.com";

Deno.test("pages of the allowed origins may call and see refusals; others are told nothing of it", () =>
  inApp(async ({ ask }) => {
    for (const origin of [FRIEND, SELF]) {
      const { status, headers } = await ask("GET", "/users/me", {
        headers: { origin },
      });
      assert.equal(status, 401);
      assert.equal(headers.get("access-control-allow-origin"), origin);
      assert.match(headers.get("vary") ?? "", /origin/i);
      assert.match(
        headers.get("access-control-expose-headers") ?? "",
        /Retry-After/,
      );
      // Tokens come in a header: a page has no use for cookies.
      assert.equal(headers.has("access-control-allow-credentials"), false);
    }
    const strangers = [
      "https://evil.example.com",
      `${FRIEND}.evil.com`,
      "https://chat.example.com:444",
      "http://chat.example.com",
      "null",
      "*",
    ];
    for (const origin of strangers) {
      const { headers } = await ask("GET", "/users/me", {
        headers: { origin },
      });
      const told = [...headers.keys()].filter((name) =>
        name.startsWith("access-control")
      );
      assert.deepEqual(told, [], origin);
    }
  }, { origins: [FRIEND], publicUrl: SELF }));

Deno.test("a browser that asks beforehand is told what it may send", () =>
  inApp(async ({ fetch }) => {
    const askBefore = (origin: string) =>
      fetch("/api/v1/rooms", {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization,content-type",
        },
      });
    const { status, headers } = await askBefore(FRIEND);
    assert.equal(status, 204);
    assert.equal(headers.get("access-control-allow-origin"), FRIEND);
    assert.match(headers.get("access-control-allow-methods") ?? "", /POST/);
    assert.match(
      headers.get("access-control-allow-headers") ?? "",
      /Authorization,Content-Type,Idempotency-Key/,
    );
    const refused = await askBefore("https://evil.example.com");
    assert.equal(refused.headers.has("access-control-allow-origin"), false);
    assert.ok(refused.headers.has("allow"));
  }, { origins: [FRIEND] }));
