// Who asks: the caller's address, and for users' operations the access token.
import type { MiddlewareHandler } from "hono";
import { authenticate } from "../kv/accounts/verify.ts";
import { Refused } from "../kv/errors.ts";
import type { UserOperation } from "../kv/operation.ts";
import type { Caller } from "../kv/principal.ts";
import { whyOutOfScope } from "../kv/scopes.ts";
import { id } from "../kv/shapes.ts";
import type { AppDeps, Env } from "./context.ts";
import { peerAddress } from "./proxies.ts";
import { limitAttempts } from "./rates.ts";

const AGENT_LENGTH = 200;

/** The header by which a service key says for whom it acts, in lower case. */
export const ACTED_FOR = "kvorum-user";

/** Middleware that leaves the caller in `c.var.caller`. */
export function knowCaller(
  { addressOf = peerAddress }: AppDeps,
): MiddlewareHandler<Env> {
  return async (c, next) => {
    const peer = c.env?.incoming?.socket.remoteAddress;
    const address = addressOf(peer, c.req.header("x-forwarded-for"));
    c.set("caller", toCaller(address, c.req.header("user-agent")));
    await next();
  };
}

/** Whoever sent a request, before it is known whose it is. */
export function toCaller(address: string, agent: string | undefined): Caller {
  return {
    address,
    ...(agent ? { agent: agent.slice(0, AGENT_LENGTH) } : {}),
  };
}

/**
 * Middleware that leaves the user in `c.var.principal`. Throws what `authenticate` throws, `invalid`, and
 * `rate_limited` for an address that keeps trying tokens.
 */
export function requirePrincipal(deps: AppDeps): MiddlewareHandler<Env> {
  const { core } = deps;
  return async (c, next) => {
    const token = bearerToken(c.req.header("authorization"));
    if (token === null) {
      throw new Refused(
        "unauthenticated",
        "Send an access token: Authorization: Bearer ….",
      );
    }
    const caller = c.get("caller");
    const actedFor = readActedFor(c.req.header(ACTED_FOR));
    try {
      c.set("principal", await authenticate(core, token, caller, actedFor));
    } catch (refusal) {
      // A token that has expired was good once.
      if (refusal instanceof Refused && refusal.code === "unauthenticated") {
        limitAttempts(deps, caller);
      }
      throw refusal;
    }
    await next();
  };
}

/**
 * Middleware that refuses a service key without the operation's scope, before an answer that was kept for another key
 * of its service could be given, or this refusal be kept. Throws `forbidden`.
 */
export function requireScope({ scope }: UserOperation): MiddlewareHandler<Env> {
  return async (c, next) => {
    const refused = whyOutOfScope(c.get("principal"), scope);
    if (refused) throw refused;
    await next();
  };
}

/** The user that `Kvorum-User` names; null without it. Throws `invalid`. */
export function readActedFor(header: string | undefined): string | null {
  if (header === undefined) return null;
  const { data, error } = id.safeParse(header);
  if (error === undefined) return data;
  const message = "must be the id of a user";
  throw new Refused("invalid", `Kvorum-User: ${message}`, {
    errors: [{ path: "Kvorum-User", message }],
  });
}

/** The token of an `Authorization` header, or null where there is none. */
export function bearerToken(authorization: string | undefined): string | null {
  return authorization?.match(/^Bearer +([^\s]+) *$/i)?.[1] ?? null;
}
