// Refusals as problem documents (RFC 9457), and the headers that belong to them.
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import {
  type RefusalCode,
  REFUSALS,
  Refused,
  toWireError,
} from "../kv/errors.ts";
import { failure } from "../kv/journal.ts";
import type { AppDeps, Env } from "./context.ts";

/** One line for people about each code; also the documents' table of errors. */
export const TITLES: Readonly<Record<RefusalCode, string>> = {
  invalid: "The input breaks a rule; `errors` says where",
  malformed_json: "The body is not JSON, or nests too deep",
  malformed_frame: "The frame is not a command",
  unknown_command: "There is no such command",
  hello_required: "The first command must be hello",
  unauthenticated: "No valid token, ticket or password was sent",
  token_expired: "The access token has expired; refresh it",
  forbidden: "One may see it, but not do this",
  not_found: "It does not exist, or the caller may not see it",
  method_not_allowed: "The address exists, but not with this method",
  conflict: "It clashes with what is there",
  username_taken: "The username belongs to somebody",
  email_taken: "The e-mail address belongs to somebody",
  last_owner: "The room's last owner cannot go or step down",
  gone: "It was used up or has expired",
  too_large: "The body is too large",
  unsupported_media_type: "The body must be application/json",
  rate_limited: "Too many requests; wait `retryAfterMs`",
  internal: "An error of the server; it has been logged",
  unavailable: "It cannot be done just now; try again",
};

/** A problem document. Takes any thrown value; shows nothing of an unforeseen one. */
export function toProblem(thrown: unknown) {
  const { message, ...error } = toWireError(thrown);
  return {
    type: `/docs#${error.code}`,
    title: TITLES[error.code],
    status: REFUSALS[error.code].status,
    detail: message,
    ...error,
  };
}

/** The answer to a request that is refused. */
export function answerProblem(c: Context<Env>, thrown: unknown): Response {
  const problem = toProblem(thrown);
  if (problem.status === 401) c.header("WWW-Authenticate", "Bearer");
  if (problem.retryAfterMs !== undefined) {
    c.header("Retry-After", String(Math.ceil(problem.retryAfterMs / 1000)));
  }
  return c.body(JSON.stringify(problem), problem.status, {
    "Content-Type": "application/problem+json",
  });
}

/** The app's last resort: what was thrown becomes a problem, and what was not foreseen is logged. */
export function catchProblems({ journal }: AppDeps) {
  return (thrown: Error, c: Context<Env>): Response => {
    const refused = foreseen(thrown);
    if (!(refused instanceof Refused)) {
      journal.error("request.failed", {
        requestId: c.get("requestId"),
        method: c.req.method,
        path: c.req.path,
        ...failure(thrown),
      });
    }
    return answerProblem(c, refused);
  };
}

// The only exception the validator below us throws says that the body is not JSON.
function foreseen(thrown: Error): Error {
  return thrown instanceof HTTPException && thrown.status === 400
    ? new Refused("malformed_json", "The body is not valid JSON.")
    : thrown;
}
