// Listening: the app under node:http, upgrades handed to whoever makes sockets of them, and an end that comes.
import type { Buffer } from "node:buffer";
import type { IncomingMessage, Server } from "node:http";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import type { Env } from "./context.ts";
import { Untaken } from "./untaken.ts";

/** Whatever answers requests; a Hono app does. */
export interface Answering {
  fetch(request: Request, env: Env["Bindings"]): Response | Promise<Response>;
}

/** Several isolates of this process listen on one port: this is the first of them, or a further one. */
export type Sharing = "first" | "further";

export interface ServeOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly sharing?: Sharing | undefined;
  /** Given every request that asks for an upgrade; without it they are answered 501 and closed. */
  readonly onUpgrade?: (
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ) => void;
}

export interface Serving {
  readonly port: number;
  /** Takes no more connections, waits up to `graceMs` for those that are busy, then cuts the rest. */
  close(graceMs: number): Promise<void>;
}

/** The address could not be listened on; the message says why and what to set. */
export class ListenError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = "ListenError";
  }
}

/** Where a server on this machine is reached, without a slash at the end. */
export function urlOf(host: string, port: number): string {
  const everywhere = host === "0.0.0.0" || host === "::";
  const name = everywhere ? "localhost" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

/** How long a request may take to arrive whole: node's own five minutes are an invitation. */
const REQUEST_MS = 60_000;

/** Resolves once connections are taken. Throws {@link ListenError}. */
export async function serve(
  app: Answering,
  { host, port, sharing, onUpgrade = refuseUpgrade }: ServeOptions,
): Promise<Serving> {
  const untaken = new Untaken();
  // Without a certificate the adapter makes a plain server, which its type does not tell.
  const server = createAdaptorServer({
    fetch: (request, env) =>
      untaken.admits(env as HttpBindings)
        ? app.fetch(request, env as Env["Bindings"])
        : new Response(null, { status: 429 }),
    // Its own Response would be refused by Deno.serve in the same process.
    overrideGlobalObjects: false,
    // Many HTTP clients offer h2c; what is offered and not taken is a request like any other.
    serverOptions: {
      requestTimeout: REQUEST_MS,
      shouldUpgradeCallback: ({ headers }: IncomingMessage) =>
        headers.upgrade?.toLowerCase() === "websocket",
    },
  }) as Server;
  server.on("upgrade", onUpgrade);

  // The server forgets connections that were upgraded, so closing needs a list of its own.
  const connections = new Set<Socket>();
  server.on("connection", (connection: Socket) => {
    connections.add(connection);
    connection.once("close", () => connections.delete(connection));
  });

  // A port that may be shared is shared with whoever has it: first see that nobody has.
  if (sharing === "first" && port !== 0) await requireFree(host, port);
  await listen(server, host, port, sharing !== undefined);
  return {
    port: (server.address() as { port: number }).port,
    close: (graceMs) => close(server, connections, graceMs),
  };
}

async function requireFree(host: string, port: number) {
  const probe = createServer();
  await listen(probe, host, port, false);
  await new Promise((resolve) => probe.close(resolve));
}

async function listen(
  server: Server | NetServer,
  host: string,
  port: number,
  reusePort: boolean,
) {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port, host, reusePort }, resolve);
    });
  } catch (error) {
    throw new ListenError(whyNot(error, host, port), error);
  }
}

function whyNot(error: unknown, host: string, port: number): string {
  const code = error instanceof Error && "code" in error ? error.code : null;
  switch (code) {
    case "EADDRINUSE":
      return `Port ${port} on ${host} is taken: end what listens there, or set PORT to another one.`;
    case "EACCES":
      return `Port ${port} needs rights this user does not have: set PORT to 1024 or above.`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is no address of this machine: set HOST to one, or to 0.0.0.0 for all.`;
    default:
      return `Can't listen on ${host}, port ${port}: ${error}`;
  }
}

async function close(
  server: Server,
  connections: ReadonlySet<Socket>,
  graceMs: number,
) {
  const ended = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => {
    for (const connection of connections) connection.destroy();
  }, graceMs);
  await ended;
  clearTimeout(timer);
}

function refuseUpgrade(_request: IncomingMessage, socket: Duplex) {
  socket.end("HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n\r\n");
}
