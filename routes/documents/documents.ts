// The documents this server serves, each made once when first asked for.
import { OPERATIONS } from "../../kv/operations.ts";
import { EVENTS } from "../../realtime/events.ts";
import { SESSION_COMMANDS } from "../../realtime/session/commands.ts";
import { ROUTES } from "../routes.ts";
import { asyncApi } from "./asyncapi.ts";
import { openApi } from "./openapi.ts";
import { documentsPage } from "./page.ts";

/** Of the API, not of the server: it changes with what clients can see. */
const VERSION = "1.0.0";

export const openApiValue = once(() => openApi(ROUTES, VERSION));
export const asyncApiValue = once(() =>
  asyncApi(OPERATIONS, SESSION_COMMANDS, EVENTS, VERSION)
);
export const documentsMarkup = once(() =>
  documentsPage(openApiValue(), asyncApiValue())
);
/** As served, and as committed under docs/. */
export const openApiDocument = once(() => toText(openApiValue()));
export const asyncApiDocument = once(() => toText(asyncApiValue()));

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | null = null;
  return () => (made ??= { value: make() }).value;
}

function toText(document: unknown): string {
  return JSON.stringify(document, null, 2) + "\n";
}
