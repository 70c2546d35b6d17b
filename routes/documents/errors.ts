// How refusals look in the documents: the problem of REST, the error object of sockets, the codes by status.
import { isRetryable, type RefusalCode, REFUSALS } from "../../kv/errors.ts";
import { TITLES } from "../problem.ts";
import { type JsonSchema, objectOf } from "./schemas.ts";

export interface CodeRow {
  readonly code: RefusalCode;
  readonly title: string;
  readonly status: number;
  readonly retryable: boolean;
}

export const CODES: readonly CodeRow[] = codes().map((code) => {
  const { status } = REFUSALS[code];
  return { code, title: TITLES[code], status, retryable: isRetryable(code) };
});

/** Codes that only a socket meets. */
const SOCKET_ONLY: readonly RefusalCode[] = [
  "malformed_frame",
  "unknown_command",
  "hello_required",
];

export function codesOfStatus(status: number): CodeRow[] {
  return CODES.filter((row) =>
    row.status === status && !SOCKET_ONLY.includes(row.code)
  );
}

const shared: Readonly<Record<string, JsonSchema>> = {
  code: { type: "string", enum: codes() },
  retryable: {
    type: "boolean",
    description: "Whether the same request may succeed later",
  },
  retryAfterMs: { type: "integer", minimum: 0 },
  errors: {
    type: "array",
    items: objectOf({
      path: { type: "string", description: "Dotted, such as `members.3`" },
      message: { type: "string" },
    }),
  },
};

const optional = ["retryAfterMs", "errors"];

/** A problem document (RFC 9457). */
export const problemSchema: JsonSchema = objectOf({
  type: { type: "string", format: "uri-reference" },
  title: { type: "string" },
  status: { type: "integer" },
  detail: { type: "string" },
  ...shared,
}, optional);

/** The error of a socket's reply. */
export const errorSchema: JsonSchema = objectOf({
  ...shared,
  message: { type: "string" },
}, optional);

function codes(): RefusalCode[] {
  return Object.keys(REFUSALS) as RefusalCode[];
}
