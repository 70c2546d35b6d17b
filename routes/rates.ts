// How often something may be asked by REST: a user's requests by user, a stranger's by address.
import type { MiddlewareHandler } from "hono";
import { addressKey } from "../kv/address.ts";
import { Refused } from "../kv/errors.ts";
import type { Operation } from "../kv/operation.ts";
import type { Caller } from "../kv/principal.ts";
import {
  BY_USER,
  kindFor,
  type RateKind,
  type RateLimits,
} from "../kv/rates.ts";
import type { AppDeps, Env } from "./context.ts";

/** What operations are counted as, besides a request. */
const BY_ADDRESS: Readonly<Record<string, RateKind>> = {
  "account.login": "signIns",
  "account.register": "registrations",
};

/** Names tried are as long as somebody likes, keys are not. */
const KEY_LENGTH = 64;

/** Before anything is known of the caller but the address. Throws `rate_limited`. */
export function limitAddress(
  { rates }: AppDeps,
  operation: Operation,
): MiddlewareHandler<Env> {
  return async (c, next) => {
    const address = addressKey(c.get("caller").address);
    take(rates, "requests", `address ${address}`);
    const kind = BY_ADDRESS[operation.name];
    if (kind) take(rates, kind, address);
    await next();
  };
}

/** A token that was refused is an attempt to sign in. Throws `rate_limited`. */
export function limitAttempts({ rates }: AppDeps, { address }: Caller): void {
  take(rates, "signIns", addressKey(address));
}

/** Whoever tries, from wherever: one name is not tried too often. Throws `rate_limited`. */
export function limitLogin({ rates }: AppDeps): MiddlewareHandler<Env> {
  return async (c, next) => {
    const input = c.get("input");
    if (typeof input === "object" && input !== null && "login" in input) {
      const name = String(input.login).toLowerCase().slice(0, KEY_LENGTH);
      take(rates, "signInsByName", name);
    }
    await next();
  };
}

/** Throws `rate_limited`. */
export function limitUser(
  { rates }: AppDeps,
  operation: Operation,
): MiddlewareHandler<Env> {
  return async (c, next) => {
    const principal = c.get("principal");
    const { user } = principal;
    take(rates, kindFor("requests", principal), user);
    const kind = BY_USER[operation.name];
    if (kind) take(rates, kindFor(kind, principal), user);
    await next();
  };
}

function take(rates: RateLimits | undefined, kind: RateKind, key: string) {
  const retryAfterMs = rates?.take(kind, key) ?? null;
  if (retryAfterMs !== null) {
    throw new Refused("rate_limited", "Too many requests; wait a little.", {
      retryAfterMs,
    });
  }
}
