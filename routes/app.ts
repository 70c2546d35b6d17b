// The whole of HTTP: sub-apps one after another, and what holds for all of them.
import { Hono } from "hono";
import { Refused } from "../kv/errors.ts";
import { SOCKET_PATH } from "./admission.ts";
import type { AppDeps, Env } from "./context.ts";
import { knowCaller } from "./guard.ts";
import { setHeaders } from "./headers.ts";
import { allowOrigins } from "./origins.ts";
import { answerProblem, catchProblems } from "./problem.ts";
import { bind } from "./route.ts";
import { ROUTES } from "./routes.ts";
import { service } from "./service.ts";

/** The app as a function of requests; it listens nowhere and keeps nothing. */
export function createApp(deps: AppDeps): Hono<Env> {
  const app = new Hono<Env>();
  app.onError(catchProblems(deps));
  app.notFound((c) => answerProblem(c, noAddress(c.req.path)));
  // Before what sets headers, which an upgrade's answer does not take.
  if (deps.sockets) app.all(SOCKET_PATH, deps.sockets);
  return app
    .use(setHeaders, knowCaller(deps))
    .use("/api/v1/*", allowOrigins(deps))
    .route("/", service(deps))
    .route("/api/v1", bind(ROUTES, deps));
}

/** What there is at no path, or only for a handshake: a proxy that takes its headers away is the usual cause. */
function noAddress(path: string): Refused {
  return new Refused(
    "not_found",
    path === SOCKET_PATH
      ? "Here are only WebSockets: open one, and let proxies pass Upgrade and Connection on."
      : "There is no such address: /docs lists all.",
  );
}
