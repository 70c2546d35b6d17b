// The transports under the socket port, each as a server on a free port: what the conformance suite runs against.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Hono } from "hono";
import type { Attend } from "../../realtime/sockets/port.ts";
import { WsAcceptor } from "../../realtime/sockets/ws.ts";
import type { Env } from "../../routes/context.ts";
import { answerProblem } from "../../routes/problem.ts";
import { serveNative } from "../../routes/serve_native.ts";
import { acceptNative } from "../../routes/upgrade_native.ts";

export interface SocketServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface Adapter {
  readonly name: "ws" | "native";
  /** A peer that does not answer a close frame is cut off, or forgotten, after `closeMs`. */
  serve(
    attend: Attend,
    report: (thrown: unknown) => void,
    closeMs?: number,
  ): Promise<SocketServer>;
}

export const ADAPTERS: readonly Adapter[] = [
  { name: "ws", serve: serveWs },
  { name: "native", serve: serveNatively },
];

async function serveWs(
  attend: Attend,
  report: (thrown: unknown) => void,
  closeMs?: number,
): Promise<SocketServer> {
  const acceptor = new WsAcceptor(report, closeMs);
  const server = createServer();
  server.on("upgrade", (request, socket, head) => {
    acceptor.accept(request, socket, head, attend);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function serveNatively(
  attend: Attend,
  report: (thrown: unknown) => void,
  closeMs?: number,
): Promise<SocketServer> {
  const app = new Hono<Env>();
  app.onError((thrown, c) => answerProblem(c, thrown));
  app.all("/", acceptNative(() => Promise.resolve(attend), report, closeMs));
  const { port, close } = serveNative(app, { host: "127.0.0.1", port: 0 });
  return Promise.resolve({ port, close: () => close(1_000) });
}
