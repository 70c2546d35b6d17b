// Over a real connection, for what only that shows: bodies that never end, the caller's address.
import assert from "node:assert/strict";
import { LIMITS } from "../../kv/limits.ts";
import { createApp } from "../../routes/app.ts";
import { type Answering, serve } from "../../routes/serve.ts";
import { serveNative } from "../../routes/serve_native.ts";
import { inWorld } from "../accounts/world.ts";

/** Registers a test under each way to listen: of the whole app, unless another one is given. */
function test(
  name: string,
  act: (port: number) => Promise<void>,
  given?: Answering,
): void {
  for (
    const [label, listen] of Object.entries({ ws: serve, native: serveNative })
  ) {
    Deno.test({
      name: `${label}: ${name}`,
      // A request that was not read to its end is given half a second more, by a timer of node:http's adapter.
      sanitizeOps: false,
      sanitizeResources: false,
      fn: () =>
        inWorld(async ({ core }) => {
          const app = given ?? createApp({
            core,
            journal: {
              error: (event, fields) => assert.fail(`${event} ${fields}`),
            },
            ready: () => true,
          });
          const { port, close } = await listen(app, {
            host: "127.0.0.1",
            port: 0,
          });
          await act(port).finally(() => close(0));
        }),
    });
  }
}

test("requests work over the wire, and a session knows its address and agent", async (port) => {
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
});

test("a body that breaks off is no answer and no harm", async (port) => {
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
});

test("a chunked body that never ends is answered too_large", async (port) => {
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
});

const LARGE = "x".repeat(256 * 1024);
const generous = {
  answers: 0,
  fetch() {
    this.answers++;
    return new Response(LARGE);
  },
};

test(
  "who asks on and takes no answer gets no more made, and others are served",
  async (port) => {
    generous.answers = 0;
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const requests = new TextEncoder().encode(
      "GET / HTTP/1.1\r\nHost: kvorum.test\r\n\r\n".repeat(1_000),
    );
    for (let sent = 0; sent < requests.length;) {
      // It may be cut before all is written.
      sent += await connection.write(requests.subarray(sent))
        .catch(() => requests.length);
    }
    const response = await fetch(`http://127.0.0.1:${port}/`);
    assert.equal((await response.text()).length, LARGE.length);
    assert.ok(generous.answers <= 65, `${generous.answers} answers`);
    connection.close();
  },
  generous,
);

Deno.test("an end waits for an answer that hangs no longer than it is to", async () => {
  for (const listen of [serve, serveNative]) {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<Response>();
    const { port, close } = await listen({
      fetch() {
        asked.resolve();
        return answer.promise;
      },
    }, { host: "127.0.0.1", port: 0 });
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(
      new TextEncoder().encode("GET / HTTP/1.1\r\nHost: kvorum.test\r\n\r\n"),
    );
    await asked.promise;
    await close(10);
    answer.resolve(new Response(null));
    connection.close();
  }
});
