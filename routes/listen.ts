// Who listens: this program by node:http with npm ws, or by Deno with its own sockets, or whoever has started it.
import type { Realtime } from "../realtime/realtime.ts";
import type { Entrance } from "./admission.ts";
import {
  type Answering,
  serve,
  type Serving,
  type Sharing,
  urlOf,
} from "./serve.ts";
import { answerNative, serveNative } from "./serve_native.ts";
import { upgrade } from "./upgrade.ts";

/** `native`: by Deno's own server, which is what there is on Deno Deploy. `hosted`: by `deno serve`. */
export type Transport = "node" | "native" | "hosted";

export interface ListenSettings extends Entrance {
  readonly host: string;
  readonly port: number;
  readonly sharing?: Sharing | undefined;
}

/** Resolves once connections are taken. Throws `ListenError`. */
export async function listen(
  transport: Transport,
  app: Answering,
  realtime: Realtime,
  settings: ListenSettings,
): Promise<Serving> {
  switch (transport) {
    case "node": {
      const onUpgrade = upgrade(realtime, settings);
      return await serve(app, { ...settings, onUpgrade });
    }
    case "native":
      return serveNative(app, settings);
    case "hosted":
      return { port: settings.port, close: () => Promise.resolve() };
  }
}

/** What a host asks a program for. `listening` is told where it listens, in the first isolate only. */
export function hosted(
  app: Answering,
  listening: (url: string) => void,
): Deno.ServeDefaultExport {
  return {
    fetch: answerNative(app),
    onListen: (address) => {
      if ("hostname" in address) {
        listening(urlOf(address.hostname, address.port));
      }
    },
  };
}

/** Whether Deno Deploy has started this program. */
export function isOnDeploy(): boolean {
  return isSet("DENO_DEPLOYMENT_ID");
}

/** Asked for leave first: what our own tasks start may not look, and is not there. */
export function isSet(variable: string): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" && Deno.env.has(variable);
}
