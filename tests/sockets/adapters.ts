// The transports under the socket port, each as a server on a free port: what the conformance suite runs against.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Attend } from "../../realtime/sockets/port.ts";
import { WsAcceptor } from "../../realtime/sockets/ws.ts";

export interface SocketServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface Adapter {
  readonly name: string;
  /** A peer that does not answer a close frame is cut off after `closeMs`. */
  serve(
    attend: Attend,
    report: (thrown: unknown) => void,
    closeMs?: number,
  ): Promise<SocketServer>;
}

/** Deno's native sockets join here. */
export const ADAPTERS: readonly Adapter[] = [{ name: "ws", serve: serveWs }];

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
