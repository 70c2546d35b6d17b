// Every way a request can be refused: code, HTTP status, whether trying again may help.

/** One row of the table: `status` is HTTP's. */
interface Refusal {
  readonly status: number;
  readonly retryable?: true;
}

/** The wire contract's codes; the same code is used by REST and by WebSocket. */
export const REFUSALS = {
  invalid: { status: 400 },
  malformed_json: { status: 400 },
  malformed_frame: { status: 400 },
  unknown_command: { status: 400 },
  hello_required: { status: 400 },
  unauthenticated: { status: 401 },
  token_expired: { status: 401 },
  forbidden: { status: 403 },
  not_found: { status: 404 },
  method_not_allowed: { status: 405 },
  conflict: { status: 409 },
  username_taken: { status: 409 },
  email_taken: { status: 409 },
  last_owner: { status: 409 },
  gone: { status: 410 },
  too_large: { status: 413 },
  unsupported_media_type: { status: 415 },
  rate_limited: { status: 429, retryable: true },
  internal: { status: 500 },
  unavailable: { status: 503, retryable: true },
} as const satisfies Record<string, Refusal>;

export type RefusalCode = keyof typeof REFUSALS;

/** Where in the input something is wrong: `path` is dotted, e.g. `members.3`. */
export interface InputFault {
  readonly path: string;
  readonly message: string;
}

/** A refusal that may be shown to the client as it is. Anything else that is thrown is `internal`. */
export class Refused extends Error {
  readonly code: RefusalCode;
  readonly retryAfterMs?: number;
  readonly errors?: readonly InputFault[];

  constructor(
    code: RefusalCode,
    message: string,
    more: { retryAfterMs?: number; errors?: readonly InputFault[] } = {},
  ) {
    super(message);
    this.name = "Refused";
    this.code = code;
    if (more.retryAfterMs !== undefined) this.retryAfterMs = more.retryAfterMs;
    if (more.errors !== undefined) this.errors = more.errors;
  }
}

/** The error object of a socket reply; REST adds status and title around it (RFC 9457). */
export interface WireError {
  readonly code: RefusalCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
  readonly errors?: readonly InputFault[];
}

/** Turns whatever was thrown into what the client may see; an unforeseen error shows nothing of itself. */
export function toWireError(thrown: unknown): WireError {
  if (!(thrown instanceof Refused)) {
    return {
      code: "internal",
      message: "Something went wrong here; it has been logged.",
      retryable: false,
    };
  }
  return {
    code: thrown.code,
    message: thrown.message,
    retryable: isRetryable(thrown.code),
    ...(thrown.retryAfterMs === undefined
      ? {}
      : { retryAfterMs: thrown.retryAfterMs }),
    ...(thrown.errors === undefined ? {} : { errors: thrown.errors }),
  };
}

export function isRetryable(code: RefusalCode): boolean {
  const refusal: Refusal = REFUSALS[code];
  return refusal.retryable === true;
}

/** The one answer for what does not exist and for what the caller may not see. */
export function notFound(
  thing: "user" | "member" | "message" | "invite" | "session" | "key",
): Refused {
  return new Refused("not_found", `There is no such ${thing}.`);
}

/** The same of a room, and of whatever is in a room that the caller may not see. */
export function noRoom(): Refused {
  return new Refused(
    "not_found",
    "There is no such room, or you are not in it.",
  );
}
