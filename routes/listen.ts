// Who listens: this program by node:http with npm ws, or by Deno with its own sockets, or whoever has started it.
import type { Realtime } from "../realtime/realtime.ts";
import type { Entrance } from "./admission.ts";
import {
  type Answering,
  ListenError,
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

/** The host has tried to listen by `load`, but it may be a turn later that this is heard of. */
const UNHEARD_MS = 1_000;

/**
 * Tells why the host can't listen. It leaves only a rejection, over which the process would stay, heard by nobody.
 * Later such a fault is of another connection, and nobody's end.
 */
export function onUnheard(tell: (error: ListenError) => void): void {
  const told = (event: PromiseRejectionEvent) => {
    const { reason } = event;
    if (!ADDRESS_FAULTS.some((Fault) => reason instanceof Fault)) return;
    // Also where ending takes a moment, nobody logs it as a fault of ours.
    event.preventDefault();
    event.stopImmediatePropagation();
    const address = Deno.env.get("DENO_SERVE_ADDRESS") || "tcp:0.0.0.0:8000";
    const why = reason instanceof Deno.errors.AddrInUse
      ? "is taken: end what listens there, or"
      : `can't be listened on (${reason.message}):`;
    const message =
      `${address} ${why} set DENO_SERVE_ADDRESS to another address, such as tcp:0.0.0.0:9000.`;
    tell(new ListenError(message, reason));
  };
  addEventListener("unhandledrejection", told);
  addEventListener("load", () => {
    const disarm = () => removeEventListener("unhandledrejection", told);
    Deno.unrefTimer(setTimeout(disarm, UNHEARD_MS));
  });
}

const ADDRESS_FAULTS = [
  Deno.errors.AddrInUse,
  Deno.errors.AddrNotAvailable,
  Deno.errors.PermissionDenied,
];

/** Whether Deno Deploy has started this program. */
export function isOnDeploy(): boolean {
  return isSet("DENO_DEPLOYMENT_ID");
}

/** Asked for leave first: what our own tasks start may not look, and is not there. */
export function isSet(variable: string): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" && Deno.env.has(variable);
}
