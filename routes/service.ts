// The service itself, at the root: whether it lives, what it offers, and the keys its tokens are signed with.
import { Hono } from "hono";
import { Refused } from "../kv/errors.ts";
import type { AppDeps, Env } from "./context.ts";
import {
  asyncApiDocument,
  documentsMarkup,
  openApiDocument,
} from "./documents/documents.ts";
import { welcomePage } from "./documents/page.ts";
import { PAGE_STYLE } from "./documents/page_style.ts";
import { PAGE_POLICY } from "./headers.ts";
import { answerOtherMethods } from "./methods.ts";

const BRIEFLY = "public, max-age=300";

export function service({ core, publicUrl, ready }: AppDeps): Hono<Env> {
  const app = new Hono<Env>()
    .get("/", (c) => {
      const url = publicUrl ?? new URL(c.req.url).origin;
      return c.html(welcomePage(url), 200, PAGE);
    })
    .get("/docs", (c) => c.html(documentsMarkup(), 200, PAGE))
    .get("/docs.css", (c) =>
      c.body(PAGE_STYLE, 200, {
        "Content-Type": "text/css; charset=utf-8",
        "Cache-Control": BRIEFLY,
      }))
    .get(
      "/openapi.json",
      (c) => c.body(openApiDocument(), 200, JSON_FOR_A_WHILE),
    )
    .get(
      "/asyncapi.json",
      (c) => c.body(asyncApiDocument(), 200, JSON_FOR_A_WHILE),
    )
    .get(
      "/.well-known/jwks.json",
      async (c) =>
        c.json(await core.accounts.signingKeys.publicSet(), 200, {
          "Cache-Control": BRIEFLY,
        }),
    )
    .get("/healthz", (c) => c.json({ status: "ok" }))
    .get("/readyz", (c) => {
      if (!ready()) throw new Refused("unavailable", "Not ready yet.");
      return c.json({ status: "ready" });
    });
  const paths = new Set(app.routes.map(({ path }) => path));
  for (const path of paths) app.all(path, answerOtherMethods(["GET"]));
  return app;
}

const PAGE = {
  "Content-Security-Policy": PAGE_POLICY,
  "Cache-Control": BRIEFLY,
};

const JSON_FOR_A_WHILE = {
  "Content-Type": "application/json",
  "Cache-Control": BRIEFLY,
};
