// Headers every answer carries: what the browser may do with it, and a name by which to find it in the journal.
import type { MiddlewareHandler } from "hono";
import { randomId } from "../kv/ids.ts";
import type { Env } from "./context.ts";

const ALWAYS = {
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
};

/** For pages: their own style sheet and nothing else. */
export const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; img-src data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** What a handler sets itself stays. */
export const setHeaders: MiddlewareHandler<Env> = async (c, next) => {
  const requestId = randomId(16);
  c.set("requestId", requestId);
  await next();
  const { headers } = c.res;
  headers.set("X-Request-Id", requestId);
  for (const [name, value] of Object.entries(ALWAYS)) {
    if (!headers.has(name)) headers.set(name, value);
  }
  // Answers are somebody's own and soon old; what may be kept says so.
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
};
