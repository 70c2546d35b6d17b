// A known address asked with another method.
import type { Handler } from "hono";
import { Refused } from "../kv/errors.ts";
import type { Env } from "./context.ts";
import { answerProblem } from "./problem.ts";

/** Answers OPTIONS with what there is, and everything else that comes here with 405; both name `Allow`. */
export function answerOtherMethods(methods: readonly string[]): Handler<Env> {
  const heads = methods.includes("GET") ? ["HEAD"] : [];
  const allow = [...methods, ...heads, "OPTIONS"].join(", ");
  return (c) => {
    c.header("Allow", allow);
    if (c.req.method === "OPTIONS") return c.body(null, 204);
    return answerProblem(
      c,
      new Refused("method_not_allowed", `This address takes ${allow}.`),
    );
  };
}
