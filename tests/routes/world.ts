// What the routes' tests stand on: the whole app over a store in memory, asked without a network.
import assert from "node:assert/strict";
import type { RateLimits } from "../../kv/rates.ts";
import { createApp } from "../../routes/app.ts";
import type { Hints } from "../../routes/hints.ts";
import type { AddressOf } from "../../routes/proxies.ts";
import { inWorld, type World } from "../accounts/world.ts";
import { conformsToRest } from "../documents/conforms.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON; undefined where there is none. */
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

export interface Asking {
  readonly token?: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly body?: BodyInit;
  readonly headers?: Record<string, string>;
}

export interface AppWorld extends World {
  /** Asks the app; every answer is held against the documents. The path is below /api/v1. */
  ask(method: string, path: string, asking?: Asking): Promise<Answer>;
  /** Asks for a path from the root, without holding the answer against anything. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Registers somebody and answers the access token. */
  join(username: string): Promise<{ token: string; id: string }>;
  /** What was logged as an error. */
  readonly logged: unknown[];
}

export async function inApp(
  test: (world: AppWorld) => Promise<void>,
  more: {
    rates?: RateLimits;
    ready?: () => boolean;
    origins?: readonly string[];
    publicUrl?: string;
    addressOf?: AddressOf;
    hints?: Hints;
  } = {},
): Promise<void> {
  await inWorld(async (world) => {
    const logged: unknown[] = [];
    const app = createApp({
      core: world.core,
      journal: { error: (event, fields) => logged.push({ event, ...fields }) },
      ready: () => true,
      ...more,
    });
    const fetch = async (path: string, init?: RequestInit) =>
      await app.request(path, init, {
        incoming: { socket: { remoteAddress: "192.0.2.1" } },
      });
    const ask: AppWorld["ask"] = async (method, path, asking = {}) => {
      const { token, json, body, headers } = asking;
      const response = await fetch(`/api/v1${path}`, {
        method,
        headers: {
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
          ...(json === undefined && body === undefined
            ? {}
            : { "Content-Type": "application/json" }),
          ...headers,
        },
        ...(json === undefined
          ? body === undefined ? {} : { body }
          : { body: JSON.stringify(json) }),
      });
      return await checked(method, path, response);
    };
    const join: AppWorld["join"] = async (username) => {
      const json = { username, password: `password of ${username}` };
      const { status, body } = await ask("POST", "/auth/register", { json });
      assert.equal(status, 201);
      return { token: body.accessToken, id: body.user.id };
    };
    await test({ ...world, ask, fetch, join, logged });
  });
}

async function checked(
  method: string,
  path: string,
  response: Response,
): Promise<Answer> {
  const { status, headers } = response;
  const text = await response.text();
  const body = text === "" ? undefined : JSON.parse(text);
  conformsToRest(method, `/api/v1${path}`, status, body);
  assert.match(headers.get("x-request-id") ?? "", /^[\w-]{16}$/);
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.equal(headers.get("referrer-policy"), "no-referrer");
  assert.equal(
    headers.get("content-security-policy"),
    "default-src 'none'; frame-ancestors 'none'",
  );
  assert.equal(headers.get("cache-control"), "no-store");
  if (status >= 400) {
    assert.equal(headers.get("content-type"), "application/problem+json");
    assert.equal(body.status, status);
    assert.equal(body.type, `/docs#${body.code}`);
    assert.equal(headers.has("www-authenticate"), status === 401);
  }
  return { status, headers, body };
}

/** Asserts that an answer is the problem of a code, and answers its body. */
export function refused(answer: Answer, status: number, code: string) {
  assert.equal(answer.body?.code, code, JSON.stringify(answer.body));
  assert.equal(answer.status, status);
  return answer.body;
}
