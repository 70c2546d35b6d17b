// What the REST layer is given, and what its middleware hands on from one to the next.
import type { MiddlewareHandler } from "hono";
import type { Core } from "../kv/core.ts";
import type { Journal } from "../kv/journal.ts";
import type { Caller, Principal } from "../kv/principal.ts";
import type { RateLimits } from "../kv/rates.ts";
import type { Hints } from "./hints.ts";
import type { AddressOf } from "./proxies.ts";

export interface AppDeps {
  readonly core: Core;
  readonly journal: Pick<Journal, "error">;
  /** Without it nothing is limited. */
  readonly rates?: RateLimits;
  /** The address people use, where that is not the one a request came to. */
  readonly publicUrl?: string | null;
  /** Whose requests are whose; without it, the peer's of the connection. */
  readonly addressOf?: AddressOf;
  /** Further origins whose pages may call. */
  readonly origins?: readonly string[];
  /** Without it nobody is told what is wrong with the settings. */
  readonly hints?: Hints;
  /** Answers upgrade requests, where they come as requests: not under node:http. */
  readonly sockets?: MiddlewareHandler<Env>;
  /** Whether requests can be served now; answered by /readyz. */
  ready(): boolean;
}

export interface Env {
  /** What the server's adapter knows of the connection; absent in tests that call the app directly. */
  Bindings: {
    readonly incoming?: {
      readonly socket: { readonly remoteAddress?: string | undefined };
    };
  };
  Variables: {
    requestId: string;
    caller: Caller;
    /** Set where the operation is for signed-in users. */
    principal: Principal;
    /** What the operation's schema made of path, query and body. */
    input: unknown;
  };
}
