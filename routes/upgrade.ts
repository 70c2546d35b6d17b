// The way in for sockets: an upgrade request is checked like any other, then handed to the transport.
import type { Buffer } from "node:buffer";
import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { redeemTicket } from "../kv/accounts/tickets.ts";
import { authenticate } from "../kv/accounts/verify.ts";
import { addressKey } from "../kv/address.ts";
import { notFound, Refused } from "../kv/errors.ts";
import type { Caller, Principal } from "../kv/principal.ts";
import type { Realtime } from "../realtime/realtime.ts";
import { WsAcceptor } from "../realtime/sockets/ws.ts";
import { bearerToken } from "./guard.ts";
import { toProblem } from "./problem.ts";

const PATH = "/api/v1/ws";
const AGENT_LENGTH = 200;

/** What a browser's page must come from. A client that is no browser sends no origin. */
export interface AllowedOrigins {
  /** The address people use, null where it is whatever the request came to. */
  readonly publicUrl: string | null;
  /** Further ones. */
  readonly origins: readonly string[];
}

/** The listener for node:http's `upgrade`. */
export function upgrade(realtime: Realtime, allowed: AllowedOrigins) {
  const acceptor = new WsAcceptor(realtime.report);
  return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Until the transport has it, a peer that breaks off is nobody's fault.
    const ignore = () => {};
    socket.on("error", ignore);
    void admit(realtime, allowed, request).then(
      ({ caller, shown }) => {
        acceptor.accept(request, socket, head, realtime.attend(caller, shown));
        socket.off("error", ignore);
      },
    ).catch((thrown) => {
      if (!(thrown instanceof Refused)) realtime.report(thrown);
      answer(socket, thrown);
    });
  };
}

interface Admitted {
  readonly caller: Caller;
  /** Null where `hello` is to tell. */
  readonly shown: Principal | null;
}

/** @throws Refused `not_found`, `forbidden`, `rate_limited`, `unauthenticated`, `token_expired` */
async function admit(
  { core, rates }: Realtime,
  allowed: AllowedOrigins,
  request: IncomingMessage,
): Promise<Admitted> {
  const url = URL.parse(request.url ?? "", "http://server");
  if (url?.pathname !== PATH) throw notFound();
  if (!isAllowed(request, allowed)) {
    throw new Refused("forbidden", "Pages of this origin may not connect.");
  }
  const address = request.socket.remoteAddress ?? "unknown";
  const retryAfterMs = rates.take("sockets", addressKey(address));
  if (retryAfterMs !== null) {
    throw new Refused("rate_limited", "Too many new sockets.", {
      retryAfterMs,
    });
  }
  const agent = request.headers["user-agent"]?.slice(0, AGENT_LENGTH);
  const caller: Caller = { address, ...(agent ? { agent } : {}) };
  const ticket = url.searchParams.get("ticket");
  if (ticket !== null) {
    return { caller, shown: await redeemTicket(core, ticket, caller) };
  }
  const { authorization } = request.headers;
  if (authorization === undefined) return { caller, shown: null };
  const token = bearerToken(authorization);
  if (token === null) {
    throw new Refused("unauthenticated", "Authorization must be Bearer ….");
  }
  return { caller, shown: await authenticate(core, token, caller) };
}

function isAllowed(
  { headers }: IncomingMessage,
  { publicUrl, origins }: AllowedOrigins,
): boolean {
  const { origin, host } = headers;
  if (origin === undefined) return true;
  const page = URL.parse(origin);
  if (page === null) return false;
  return publicUrl === null
    ? page.host === host || origins.includes(page.origin)
    : page.origin === URL.parse(publicUrl)?.origin ||
      origins.includes(page.origin);
}

function answer(socket: Duplex, thrown: unknown): void {
  const problem = toProblem(thrown);
  const body = JSON.stringify(problem);
  const headers = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ""}`,
    "Content-Type: application/problem+json",
    `Content-Length: ${new TextEncoder().encode(body).length}`,
    "Connection: close",
    ...(problem.status === 401 ? ["WWW-Authenticate: Bearer"] : []),
    ...(problem.retryAfterMs === undefined
      ? []
      : [`Retry-After: ${Math.ceil(problem.retryAfterMs / 1000)}`]),
  ];
  socket.end(`${headers.join("\r\n")}\r\n\r\n${body}`);
}
