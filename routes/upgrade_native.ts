// The way in for sockets where Deno itself serves: Hono's helper makes the native socket, the session takes it over.
import type { MiddlewareHandler } from "hono";
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
  return async (c, next) => {
    const header = (name: string) => c.req.header(name);
    // Many HTTP clients offer h2c; what is offered and not taken is a request like any other.
    if (header("upgrade")?.toLowerCase() !== "websocket") return await next();
    requireHandshake(c.req.method, header);
    const { caller, shown } = await admit(realtime, entrance, {
      query: new URL(c.req.url).searchParams,
      peer: c.env?.incoming?.socket.remoteAddress,
      header,
    });
    const attend = realtime.attend(caller, shown);
    return await acceptNative(attend, realtime.report)(c, next);
  };
}

/**
 * Answers a handshake with 101; `attend` is called when the socket is open. What is no handshake is
 * refused: `invalid`, or `method_not_allowed`.
 */
export function acceptNative(
  attend: Attend,
  report: (thrown: unknown) => void,
  closeMs?: number,
): MiddlewareHandler<Env> {
  return async (c) => {
    requireHandshake(c.req.method, (name) => c.req.header(name));
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
