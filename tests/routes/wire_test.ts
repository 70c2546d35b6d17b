// Over a real connection, for what only that shows: bodies that never end, the caller's address.
import assert from "node:assert/strict";
import { LIMITS } from "../../kv/limits.ts";
import { createApp } from "../../routes/app.ts";
import { serve } from "../../routes/serve.ts";
import { inWorld } from "../accounts/world.ts";

async function served(test: (port: number) => Promise<void>): Promise<void> {
  await inWorld(async ({ core }) => {
    const app = createApp({
      core,
      journal: { error: (event, fields) => assert.fail(`${event} ${fields}`) },
      ready: () => true,
    });
    const serving = await serve(app, { host: "127.0.0.1", port: 0 });
    try {
      await test(serving.port);
    } finally {
      await serving.close(0);
    }
  });
}

Deno.test("requests work over the wire, and a session knows its address and agent", () =>
  served(async (port) => {
    const api = `http://127.0.0.1:${port}/api/v1`;
    const registered = await fetch(`${api}/auth/register`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: '{"username":"ada","password":"password of ada"}',
    });
    assert.equal(registered.status, 201);
    const { accessToken } = await registered.json();
    const sessions = await fetch(`${api}/auth/sessions`, {
      headers: { Authorization: `Bearer ${accessToken}` },
    });
    const { items } = await sessions.json();
    assert.equal(items[0].address, "127.0.0.1");
    assert.match(items[0].agent, /Deno/);
  }));

// The HTTP adapter gives a request that was not read to its end half a second more, by a timer of its own.
const PATIENT = { sanitizeOps: false, sanitizeResources: false };

Deno.test({
  ...PATIENT,
  name: "a body that breaks off is no answer and no harm",
  fn: () =>
    served(async (port) => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      await connection.write(
        new TextEncoder().encode(
          "POST /api/v1/auth/login HTTP/1.1\r\nHost: kvorum.test\r\n" +
            'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"log',
        ),
      );
      connection.close();
      const response = await fetch(`http://127.0.0.1:${port}/healthz`);
      assert.equal(response.status, 200);
      await response.body?.cancel();
    }),
});

Deno.test({
  ...PATIENT,
  name: "a chunked body that never ends is answered too_large",
  fn: () =>
    served(async (port) => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      const write = async (text: string) => {
        const bytes = new TextEncoder().encode(text);
        for (let sent = 0; sent < bytes.length;) {
          sent += await connection.write(bytes.subarray(sent));
        }
      };
      await write(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: kvorum.test\r\n" +
          "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
      );
      const chunk = " ".repeat(16 * 1024);
      for (let sent = 0; sent <= LIMITS.bodyBytes; sent += chunk.length) {
        await write(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
      }
      const answer = new Uint8Array(4096);
      const length = await connection.read(answer);
      const text = new TextDecoder().decode(answer.subarray(0, length ?? 0));
      assert.match(text, /^HTTP\/1\.1 413 /);
      connection.close();
    }),
});

Deno.test({
  ...PATIENT,
  name: "who asks on and takes no answer is cut off, and others are served",
  fn: async () => {
    let asked = 0;
    const large = "x".repeat(256 * 1024);
    const app = {
      fetch: () => {
        asked++;
        return new Response(large);
      },
    };
    const serving = await serve(app, { host: "127.0.0.1", port: 0 });
    try {
      const connection = await Deno.connect({
        hostname: "127.0.0.1",
        port: serving.port,
      });
      const requests = new TextEncoder().encode(
        "GET / HTTP/1.1\r\nHost: kvorum.test\r\n\r\n".repeat(1_000),
      );
      for (let sent = 0; sent < requests.length;) {
        // It may be cut before all is written.
        sent += await connection.write(requests.subarray(sent))
          .catch(() => requests.length);
      }
      const response = await fetch(`http://127.0.0.1:${serving.port}/`);
      assert.equal((await response.text()).length, large.length);
      assert.ok(asked <= 65, `${asked} answers were made`);
      connection.close();
    } finally {
      await serving.close(0);
    }
  },
});
