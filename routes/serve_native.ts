// Listening by Deno itself, in place of node:http: what `deno serve` and Deno Deploy do, here for one's own process.
import type { Answering, Serving } from "./serve.ts";

/** The app as a handler of Deno's, which knows the caller's address under another name than node:http. */
export function answerNative(app: Answering) {
  return (request: Request, info: Deno.ServeHandlerInfo) => {
    const { remoteAddr } = info;
    const remoteAddress = "hostname" in remoteAddr
      ? remoteAddr.hostname
      : undefined;
    return app.fetch(request, { incoming: { socket: { remoteAddress } } });
  };
}

/** Resolves once connections are taken. */
export function serveNative(
  app: Answering,
  { host, port }: { readonly host: string; readonly port: number },
): Serving {
  const server = Deno.serve(
    { hostname: host, port, onListen: () => {} },
    answerNative(app),
  );
  return {
    port: server.addr.port,
    async close(graceMs) {
      // Shutting down ends sockets with 1001. Those that were told goodbye this moment have a turn to
      // say it, and the runtime one to write it.
      for (let turn = 0; turn < 2; turn++) {
        await new Promise((resolve) => setTimeout(resolve));
      }
      // What hangs longer can't be cut: a signal throws when the server is shutting down. It ends with the process.
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, graceMs);
      await Promise.race([server.shutdown(), late.promise]);
      clearTimeout(timer);
    },
  };
}
