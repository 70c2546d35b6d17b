// Who may open a socket: an upgrade request is checked like any other, the same under every transport.
import { redeemTicket } from "../kv/accounts/tickets.ts";
import { authenticate, keyless } from "../kv/accounts/verify.ts";
import { addressKey } from "../kv/address.ts";
import { Refused } from "../kv/errors.ts";
import type { Caller, Principal } from "../kv/principal.ts";
import type { Realtime } from "../realtime/realtime.ts";
import { ACTED_FOR, bearerToken, readActedFor, toCaller } from "./guard.ts";
import type { Hints } from "./hints.ts";
import { tellOrigin } from "./origins.ts";
import { type AddressOf, peerAddress } from "./proxies.ts";

/** Where sockets are opened. */
export const SOCKET_PATH = "/api/v1/ws";

/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** What a browser's page must come from, and whose sockets are whose. A client that is no browser sends no origin. */
export interface Entrance {
  /** The address people use, null where it is whatever the request came to. */
  readonly publicUrl: string | null;
  /** Further ones. */
  readonly origins: readonly string[];
  /** Without it, the peer's of the connection. */
  readonly addressOf?: AddressOf;
  /** Told of pages that are refused. */
  readonly hints?: Hints;
}

/** What is looked at of an upgrade request. */
export interface Knock {
  readonly query: URLSearchParams;
  /** The address of the connection's other end. */
  readonly peer: string | undefined;
  /** By its name in lower case. */
  header(name: string): string | undefined;
}

export interface Admitted {
  readonly caller: Caller;
  /** Null where `hello` is to tell. */
  readonly shown: Principal | null;
}

/** @throws Refused `method_not_allowed`, `invalid` where it is no handshake */
export function requireHandshake(
  method: string | undefined,
  header: (name: string) => string | undefined,
): void {
  if (method !== "GET") {
    throw new Refused("method_not_allowed", "A handshake is a GET.");
  }
  const offered = header("sec-websocket-protocol")?.split(/\s*,\s*/) ?? [];
  if (
    header("upgrade")?.toLowerCase() !== "websocket" ||
    header("sec-websocket-version") !== "13" ||
    !KEY.test(header("sec-websocket-key") ?? "") ||
    !offered.every((name) => TOKEN.test(name)) ||
    new Set(offered).size < offered.length
  ) {
    throw new Refused("invalid", "This is no WebSocket handshake.");
  }
}

/** @throws Refused `forbidden`, `rate_limited`, `invalid`, and what `authenticate` and `redeemTicket` throw */
export async function admit(
  { core, rates }: Realtime,
  entrance: Entrance,
  knock: Knock,
): Promise<Admitted> {
  const { query, peer } = knock;
  const { addressOf = peerAddress } = entrance;
  const address = addressOf(peer, knock.header("x-forwarded-for"));
  if (!isAllowed(knock, entrance)) {
    tellOrigin(entrance.hints, knock.header("origin"));
    throw new Refused(
      "forbidden",
      "Pages of this origin may not connect: PUBLIC_URL and ORIGINS name those that may.",
    );
  }
  const retryAfterMs = rates.take("sockets", addressKey(address));
  if (retryAfterMs !== null) {
    throw new Refused("rate_limited", "Too many new sockets.", {
      retryAfterMs,
    });
  }
  const caller = toCaller(address, knock.header("user-agent"));
  const actedFor = readActedFor(knock.header(ACTED_FOR));
  const ticket = query.get("ticket");
  const authorization = knock.header("authorization");
  // A key in hello comes too late to be told for whom.
  const isByKey = ticket === null && authorization !== undefined;
  if (actedFor !== null && !isByKey) throw keyless();
  if (ticket !== null) {
    return { caller, shown: await redeemTicket(core, ticket, caller) };
  }
  if (authorization === undefined) return { caller, shown: null };
  const token = bearerToken(authorization);
  if (token === null) {
    throw new Refused("unauthenticated", "Authorization must be Bearer ….");
  }
  return { caller, shown: await authenticate(core, token, caller, actedFor) };
}

function isAllowed(
  knock: Knock,
  { publicUrl, origins }: Entrance,
): boolean {
  const origin = knock.header("origin");
  if (origin === undefined) return true;
  const page = URL.parse(origin);
  if (page === null) return false;
  return publicUrl === null
    ? page.host === knock.header("host") || origins.includes(page.origin)
    : page.origin === URL.parse(publicUrl)?.origin ||
      origins.includes(page.origin);
}
