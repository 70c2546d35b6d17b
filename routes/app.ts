// The whole of HTTP: sub-apps one after another, and what holds for all of them.
import { Hono } from "hono";
import { notFound } from "../kv/errors.ts";
import type { AppDeps, Env } from "./context.ts";
import { knowCaller } from "./guard.ts";
import { setHeaders } from "./headers.ts";
import { answerProblem, catchProblems } from "./problem.ts";
import { bind } from "./route.ts";
import { ROUTES } from "./routes.ts";
import { service } from "./service.ts";

/** The app as a function of requests; it listens nowhere and keeps nothing. */
export function createApp(deps: AppDeps): Hono<Env> {
  const app = new Hono<Env>();
  app.onError(catchProblems(deps));
  app.notFound((c) => answerProblem(c, notFound()));
  return app
    .use(setHeaders, knowCaller)
    .route("/", service(deps))
    .route("/api/v1", bind(ROUTES, deps));
}
