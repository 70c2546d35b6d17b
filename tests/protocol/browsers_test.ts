// What a whole server tells browsers: whose pages may call it, by its settings, and what they may do with its answers.
import assert from "node:assert/strict";
import { test } from "./world.ts";

const SELF = "https://chat.example.com";
const FRIEND = "https://shop.example.com";

test("pages of PUBLIC_URL and ORIGINS may call, others may not", (served) =>
  served(async ({ url }) => {
    const allowed = async (origin: string, method: string) => {
      const { headers, body } = await fetch(`${url}/api/v1/rooms`, {
        method,
        headers: {
          Origin: origin,
          ...(method === "OPTIONS"
            ? { "Access-Control-Request-Method": "POST" }
            : {}),
        },
      });
      await body?.cancel();
      return headers.get("access-control-allow-origin");
    };
    for (const method of ["OPTIONS", "GET"]) {
      for (const origin of [SELF, FRIEND]) {
        assert.equal(await allowed(origin, method), origin);
      }
      for (const origin of [url, `${FRIEND}.example`, "null"]) {
        assert.equal(await allowed(origin, method), null);
      }
    }
  }, { env: { PUBLIC_URL: SELF, ORIGINS: FRIEND } }));

test("every answer, a refusal too, says what browsers may not do with it", (served) =>
  served(async ({ url }) => {
    const paths = ["/healthz", "/docs", "/api/v1/users/me", "/nowhere"];
    for (const path of paths) {
      const { headers, body } = await fetch(url + path);
      await body?.cancel();
      assert.equal(headers.get("x-content-type-options"), "nosniff", path);
      assert.equal(headers.get("referrer-policy"), "no-referrer", path);
      const policy = headers.get("content-security-policy") ?? "";
      assert.match(policy, /default-src 'none';.*frame-ancestors 'none'/, path);
    }
  }));
