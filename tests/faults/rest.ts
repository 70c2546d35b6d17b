// What tests of whole server processes ask by REST.
import assert from "node:assert/strict";
import type { Frame } from "../protocol/client.ts";

/** Asks as somebody, or as nobody; answers the body of a success, null where it has none. */
export async function ask(
  url: string,
  token: string | null,
  method: string,
  path: string,
  json?: unknown,
): Promise<Frame> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      "Content-Type": "application/json",
      ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  const body = await response.text();
  assert.ok(response.ok, body);
  return body === "" ? null : JSON.parse(body);
}

export async function register(
  url: string,
  username: string,
): Promise<{ user: string; token: string }> {
  const { user, accessToken } = await ask(url, null, "POST", "/auth/register", {
    username,
    password: "correct horse battery",
  });
  return { user: user.id, token: accessToken };
}
