// A route is a row: method, path, operation, status. Everything HTTP does around an operation is bound here, once.
import { Hono, type MiddlewareHandler } from "hono";
import type { Operation } from "../kv/operation.ts";
import type { AppDeps, Env } from "./context.ts";
import { requirePrincipal, requireScope } from "./guard.ts";
import { answerOnce, requireIdempotencyKey } from "./idempotency.ts";
import { readInput } from "./input.ts";
import { answerOtherMethods } from "./methods.ts";
import { limitAddress, limitLogin, limitUser } from "./rates.ts";

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below /api/v1, with `:name` for parts of the operation's input. */
  readonly path: `/${string}`;
  readonly operation: Operation;
  /** 204 answers without a body. */
  readonly status: 200 | 201 | 204;
  /** Whether an output tells of what was there before: then 200 in place of 201. */
  readonly existed?: (output: unknown) => boolean;
}

export function route(
  method: Route["method"],
  path: Route["path"],
  operation: Operation,
  status: Route["status"],
  existed?: (output: unknown) => boolean,
): Route {
  return { method, path, operation, status, ...(existed ? { existed } : {}) };
}

/** Whether a route's input comes in a body; otherwise it comes in the query. */
export function hasBody({ method }: Route): boolean {
  return method !== "GET" && method !== "DELETE";
}

/** Whether a route takes an `Idempotency-Key`: an answer that holds a secret is not kept to be given again. */
export function isRepeatable({ method, operation }: Route): boolean {
  return method === "POST" && operation.access === "user" &&
    !operation.secret;
}

/** A sub-app that serves the routes. A path written out must stand before one with a parameter in its place. */
export function bind(routes: readonly Route[], deps: AppDeps): Hono<Env> {
  const app = new Hono<Env>();
  for (const [path, group] of Map.groupBy(routes, ({ path }) => path)) {
    for (const route of group) {
      app.on(route.method, [path], ...before(route, deps), answer(route, deps));
    }
    app.all(path, answerOtherMethods(group.map(({ method }) => method)));
  }
  return app;
}

/** What must hold before the operation runs, in this order: who asks, how often, with what. */
function before(route: Route, deps: AppDeps): MiddlewareHandler<Env>[] {
  const { operation } = route;
  const input = readInput(operation, hasBody(route) ? "json" : "query");
  return operation.access === "public"
    ? [limitAddress(deps, operation), ...input, limitLogin(deps)]
    : [
      requirePrincipal(deps),
      limitUser(deps, operation),
      requireScope(operation),
      ...input,
    ];
}

function answer(route: Route, { core }: AppDeps): MiddlewareHandler<Env> {
  const { operation } = route;
  return async (c) => {
    const input = c.get("input");
    const key = isRepeatable(route)
      ? requireIdempotencyKey(c.req.header("idempotency-key"))
      : null;
    let output: unknown;
    if (operation.access === "public") {
      output = await operation.run(core, input, c.get("caller"));
    } else if (key === null) {
      output = await operation.run(core, input, c.get("principal"));
    } else {
      output = await answerOnce(
        core,
        { principal: c.get("principal"), path: c.req.path, key, input },
        (principal) => operation.run(core, input, principal),
        () => c.header("Idempotency-Replayed", "true"),
      );
    }
    if (route.status === 204) return c.body(null, 204);
    return c.json(output, route.existed?.(output) ? 200 : route.status);
  };
}
