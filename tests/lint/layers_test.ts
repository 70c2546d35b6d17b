// Each of the project's lint rules finds what it is for, and nothing else.
import assert from "node:assert/strict";
import plugin from "./layers.ts";

/** The ids of what the rules find in `source`, were it the file `place`. */
function found(place: string, source: string): string[] {
  const headed = `// What it owns.\n${source}`;
  return Deno.lint.runPlugin(plugin, place, headed).map(({ id }) => id);
}

type Case = readonly [place: string, source: string];

const CASES: Record<
  string,
  { fires: readonly Case[]; spares: readonly Case[] }
> = {
  "kvorum/layers": {
    fires: [
      ["kv/store.ts", 'import { hub } from "../realtime/hub.ts";'],
      ["kv/log/feed.ts", 'import type { Hub } from "../../realtime/hub.ts";'],
      [
        "realtime/hub.ts",
        'export { app } from "../routes/app.ts"; export const a = 1;',
      ],
      [
        "realtime/hub.ts",
        'export * from "../routes/app.ts"; export const a = 1;',
      ],
      ["routes/app.ts", 'import { start } from "../main.ts";'],
      ["routes/app.ts", 'const late = await import("../main.ts");'],
      ["routes/app.ts", 'import { world } from "../tests/world.ts";'],
      ["main.ts", 'import "./bench/load.ts";'],
      ["web/client/client.ts", 'import { id } from "../../kv/shapes.ts";'],
    ],
    spares: [
      ["main.ts", 'import { openStore } from "./kv/store.ts";'],
      ["routes/app.ts", 'import { hub } from "../realtime/hub.ts";'],
      ["routes/app.ts", 'import { openStore } from "../kv/store.ts";'],
      ["routes/app.ts", 'import { room } from "./rooms.ts";'],
      [
        "routes/app.ts",
        'import file from "../docs/openapi.json" with { type: "json" };',
      ],
      ["realtime/hub.ts", 'import { pairOf } from "../kv/ids.ts";'],
      ["tests/start_test.ts", 'import "../main.ts"; import "../kv/ids.ts";'],
      ["docs/generate.ts", 'import "../kv/settings.ts";'],
      ["kv/text.ts", 'import * as z from "zod"; import "node:crypto";'],
    ],
  },
  "kvorum/contexts": {
    fires: [
      [
        "kv/rooms/create.ts",
        'import { sendMessage } from "../messages/send.ts";',
      ],
      ["kv/accounts/login.ts", 'import { join } from "../rooms/join.ts";'],
      ["kv/log/feed.ts", 'import { login } from "../accounts/login.ts";'],
      ["kv/messages/send.ts", 'import { read } from "../receipts/read.ts";'],
      [
        "kv/receipts/read.ts",
        'import type { Sent } from "../messages/send.ts";',
      ],
      ["kv/store.ts", 'import type { Feed } from "./log/feed.ts";'],
      ["kv/core.ts", 'import { Feed } from "./log/feed.ts";'],
      ["kv/weather/rain.ts", 'import { Feed } from "../log/feed.ts";'],
      ["kv/log/feed.ts", 'import { rain } from "../weather/rain.ts";'],
    ],
    spares: [
      ["kv/messages/send.ts", 'import { join } from "../rooms/join.ts";'],
      ["kv/messages/send.ts", 'import { Feed } from "../log/feed.ts";'],
      ["kv/messages/send.ts", 'import { edit } from "./edit.ts";'],
      ["kv/rooms/create.ts", 'import { login } from "../accounts/login.ts";'],
      ["kv/receipts/read.ts", 'import { join } from "../rooms/join.ts";'],
      ["kv/log/feed.ts", 'import type { Core } from "../core.ts";'],
      ["kv/core.ts", 'import type { Feed } from "./log/feed.ts";'],
      ["kv/operations.ts", 'import { join } from "./rooms/join.ts";'],
      ["realtime/hub.ts", 'import { join } from "../kv/rooms/join.ts";'],
    ],
  },
  "kvorum/hono-in-routes-only": {
    fires: [
      ["main.ts", 'import { Hono } from "hono";'],
      ["realtime/hub.ts", 'import type { Context } from "hono";'],
      ["kv/text.ts", 'import { upgradeWebSocket } from "hono/deno";'],
      ["main.ts", 'import { serve } from "@hono/node-server";'],
      ["main.ts", 'import { Hono } from "npm:hono@4";'],
    ],
    spares: [
      [
        "routes/app.ts",
        'import { Hono } from "hono"; import "@hono/node-server";',
      ],
      ["tests/routes/app_test.ts", 'import { Hono } from "hono";'],
      ["kv/text.ts", 'import { x } from "honorific";'],
    ],
  },
  "kvorum/ws-in-sockets-only": {
    fires: [
      ["realtime/hub.ts", 'import { WebSocket } from "ws";'],
      ["routes/socket.ts", 'import type { WebSocket } from "npm:ws@8";'],
    ],
    spares: [
      ["realtime/sockets/ws.ts", 'import { WebSocketServer } from "ws";'],
      ["tests/sockets/raw_client.ts", 'import { WebSocket } from "ws";'],
      ["realtime/hub.ts", 'import { x } from "wsx";'],
    ],
  },
  "kvorum/deno-kv-in-store-only": {
    fires: [
      ["kv/log/read.ts", 'export const kv = await Deno.openKv(":memory:");'],
      ["kv/log/read.ts", "export function read(kv: Deno.Kv) { return kv; }"],
      ["main.ts", "export type Key = Deno.KvKey;"],
      ["routes/app.ts", "export type Atomic = Deno.AtomicOperation;"],
    ],
    spares: [
      ["kv/store.ts", "export function read(kv: Deno.Kv) { return kv; }"],
      ["tests/kv/store_test.ts", 'await Deno.openKv(":memory:");'],
      ["main.ts", 'export const port = Deno.env.get("KV");'],
      [
        "main.ts",
        "export const kv = settings.Kv; declare const settings: { Kv: string };",
      ],
    ],
  },
  "kvorum/no-barrel": {
    fires: [
      [
        "kv/rooms/all.ts",
        'export * from "./join.ts";\nexport { a } from "./a.ts";',
      ],
    ],
    spares: [
      ["kv/rooms/join.ts", 'export * from "./a.ts";\nexport const b = 1;'],
      ["kv/rooms/join.ts", "const a = 1;\nexport { a };"],
      ["kv/rooms/join.ts", ""],
    ],
  },
};

for (const [rule, { fires, spares }] of Object.entries(CASES)) {
  Deno.test(`${rule} finds what it is for`, () => {
    for (const [place, source] of fires) {
      const ids = new Set(found(place, source));
      assert.deepEqual([...ids], [rule], `${place}: ${source}`);
    }
  });

  Deno.test(`${rule} spares everything else`, () => {
    for (const [place, source] of spares) {
      assert.deepEqual(found(place, source), [], `${place}: ${source}`);
    }
  });
}

Deno.test("kvorum/file-header wants a comment on the first line", () => {
  const ids = (source: string) =>
    Deno.lint.runPlugin(plugin, "kv/ids.ts", source).map(({ id }) => id);
  assert.deepEqual(ids("export const a = 1;"), ["kvorum/file-header"]);
  assert.deepEqual(ids("\n// Late.\nexport const a = 1;"), [
    "kvorum/file-header",
  ]);
  assert.deepEqual(ids("// What it owns.\nexport const a = 1;"), []);
  assert.deepEqual(ids("/** What it owns. */\nexport const a = 1;"), []);
});

Deno.test("the rules know a file by its full path too", () => {
  const path = new URL("../../kv/ids.ts", import.meta.url).pathname;
  assert.deepEqual(found(path, 'import "../main.ts";'), ["kvorum/layers"]);
});
