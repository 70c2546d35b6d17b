// The way in for sockets under node:http: who is admitted is handed to npm ws.
import type { Buffer } from "node:buffer";
import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { Refused } from "../kv/errors.ts";
import type { Realtime } from "../realtime/realtime.ts";
import { WsAcceptor } from "../realtime/sockets/ws.ts";
import {
  admit,
  type Admitted,
  type Entrance,
  requireHandshake,
  SOCKET_PATH,
} from "./admission.ts";
import { toProblem } from "./problem.ts";

/** The listener for node:http's `upgrade`. */
export function upgrade(realtime: Realtime, entrance: Entrance) {
  const acceptor = new WsAcceptor(realtime.report);
  return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Until the transport has it, a peer that breaks off is nobody's fault.
    const ignore = () => {};
    socket.on("error", ignore);
    void knock(realtime, entrance, request).then(
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

async function knock(
  realtime: Realtime,
  entrance: Entrance,
  { method, url = "", headers, socket }: IncomingMessage,
): Promise<Admitted> {
  const parsed = URL.parse(url, "http://server");
  if (parsed?.pathname !== SOCKET_PATH) {
    throw new Refused("not_found", `WebSockets are at ${SOCKET_PATH}.`);
  }
  const header = (name: string) => headers[name]?.toString();
  requireHandshake(method, header);
  return await admit(realtime, entrance, {
    query: parsed.searchParams,
    peer: socket.remoteAddress,
    header,
  });
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
