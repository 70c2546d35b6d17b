// Pages from other addresses: whose scripts may call, what they may send, and what they may see of the answer.
import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import type { AppDeps, Env } from "./context.ts";
import type { Hints } from "./hints.ts";

const HOW = {
  allowMethods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
  allowHeaders: ["Authorization", "Content-Type", "Idempotency-Key"],
  exposeHeaders: ["Idempotency-Replayed", "Retry-After", "X-Request-Id"],
  // Browsers forget it sooner if they like.
  maxAge: 24 * 60 * 60,
};

/** Says in the log that a page asked which no setting names: in a browser, whoever sets the server up sees little of why. */
export function tellOrigin(
  hints: Hints | undefined,
  origin: string | undefined,
): void {
  hints?.tell(
    "origin.refused",
    "Neither PUBLIC_URL nor ORIGINS is where this page comes from.",
    { origin: origin ?? "" },
  );
}

/** Lets pages of the allowed origins call across origins (CORS); for all others nothing changes. */
export function allowOrigins(
  { origins = [], publicUrl, hints }: Pick<
    AppDeps,
    "origins" | "publicUrl" | "hints"
  >,
): MiddlewareHandler<Env> {
  const allowed = new Set(publicUrl ? [publicUrl, ...origins] : origins);
  const allow = cors({ ...HOW, origin: (origin) => origin });
  return (c, next) => {
    const origin = c.req.header("origin");
    if (origin === undefined) return next();
    if (allowed.has(origin)) return allow(c, next);
    // The server's own pages name theirs, too, and need no leave.
    if (URL.parse(origin)?.host !== c.req.header("host")) {
      tellOrigin(hints, origin);
    }
    return next();
  };
}
