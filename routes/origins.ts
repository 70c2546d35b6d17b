// Pages from other addresses: whose scripts may call, what they may send, and what they may see of the answer.
import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import type { AppDeps, Env } from "./context.ts";

const HOW = {
  allowMethods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
  allowHeaders: ["Authorization", "Content-Type", "Idempotency-Key"],
  exposeHeaders: ["Idempotency-Replayed", "Retry-After", "X-Request-Id"],
  // Browsers forget it sooner if they like.
  maxAge: 24 * 60 * 60,
};

/** Lets pages of the allowed origins call across origins (CORS); for all others nothing changes. */
export function allowOrigins(
  { origins = [], publicUrl }: Pick<AppDeps, "origins" | "publicUrl">,
): MiddlewareHandler<Env> {
  const allowed = new Set(publicUrl ? [publicUrl, ...origins] : origins);
  const allow = cors({ ...HOW, origin: (origin) => origin });
  return (c, next) =>
    allowed.has(c.req.header("origin") ?? "") ? allow(c, next) : next();
}
