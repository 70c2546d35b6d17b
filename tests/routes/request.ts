// An operation's input as the request that carries it, so that tests can ask for an operation by its name.
import assert from "node:assert/strict";
import { hasBody } from "../../routes/route.ts";
import { ROUTES } from "../../routes/routes.ts";

export interface RestRequest {
  readonly method: string;
  /** Below /api/v1, with its query. */
  readonly path: string;
  readonly json?: unknown;
}

/** Fields that the path names go there, the others into the query or the body. */
export function toRequest(
  operation: string,
  input: Readonly<Record<string, unknown>>,
): RestRequest {
  const row = ROUTES.find((one) => one.operation.name === operation);
  assert.ok(row, `no route for ${operation}`);
  const rest = { ...input };
  const path = row.path.replaceAll(/:(\w+)/g, (_, name: string) => {
    const value = String(rest[name]);
    delete rest[name];
    return encodeURIComponent(value);
  });
  const { method } = row;
  if (hasBody(row)) return { method, path, json: rest };
  const query = new URLSearchParams(
    Object.entries(rest).map(([name, value]) => [name, String(value)]),
  );
  return { method, path: query.size > 0 ? `${path}?${query}` : path };
}
