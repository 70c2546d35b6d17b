// The way in for sockets where Deno itself serves: Hono's helper makes the native socket, the session takes it over.
import type { Context, MiddlewareHandler } from "hono";
import { upgradeWebSocket } from "hono/deno";
import type { Realtime } from "../realtime/realtime.ts";
import { attendNative, IDLE_SECONDS } from "../realtime/sockets/native.ts";
import { type Attend, SUBPROTOCOL } from "../realtime/sockets/port.ts";
import { admit, type Entrance, requireHandshake } from "./admission.ts";
import type { Env } from "./context.ts";

/** The handler of the socket's path. Must stand before middleware that sets headers: an upgrade takes none. */
export function upgradeNative(
  realtime: Realtime,
  entrance: Entrance,
): MiddlewareHandler<Env> {
  const accept = acceptNative(async (c) => {
    const { caller, shown } = await admit(realtime, entrance, {
      query: new URL(c.req.url).searchParams,
      peer: c.env?.incoming?.socket.remoteAddress,
      header: (name) => c.req.header(name),
    });
    return realtime.attend(caller, shown);
  }, realtime.report);
  return async (c, next) => {
    // Many HTTP clients offer h2c; what is offered and not taken is a request like any other.
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
      return await next();
    }
    return await accept(c);
  };
}

/**
 * Answers a handshake with 101. What is no handshake is refused: `invalid`, or `method_not_allowed`; so is
 * whom `attendant` refuses. What that answers is called when the socket is open.
 */
export function acceptNative(
  attendant: (c: Context<Env>) => Promise<Attend>,
  report: (thrown: unknown) => void,
  closeMs?: number,
): (c: Context<Env>) => Promise<Response> {
  return async (c) => {
    requireHandshake(c.req.method, (name) => c.req.header(name));
    const attend = await attendant(c);
    const header = (name: string) => c.req.header(name) ?? "";
    const offered = header("sec-websocket-protocol").split(/\s*,\s*/);
    // The helper knows `websocket` in small letters only, and what the server sent can't be changed.
    const context = Object.create(c, {
      req: {
        value: {
          raw: c.req.raw,
          header: (name: string) => header(name).toLowerCase(),
        },
      },
    });
    const response = await upgradeWebSocket(context, {
      onOpen: (_event, { raw }) => {
        if (raw) attendNative(raw, attend, report, closeMs);
      },
    }, { idleTimeout: IDLE_SECONDS, protocol: "" });
    // Named here and not as the helper's option, which fails on a list without spaces.
    if (offered.includes(SUBPROTOCOL)) {
      response.headers.set("Sec-WebSocket-Protocol", SUBPROTOCOL);
    }
    return response;
  };
}
