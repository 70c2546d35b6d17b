// From a text frame to a reply: parsed once, looked up in one table, run in the order of its room.
import * as z from "zod";
import { Refused, toWireError } from "../../kv/errors.ts";
import { nestsDeeperThan, refuseInput } from "../../kv/input.ts";
import { LIMITS } from "../../kv/limits.ts";
import { OPERATIONS } from "../../kv/operations.ts";
import type { UserOperation } from "../../kv/operation.ts";
import { errorFrame, replyFrame } from "../frames.ts";
import type { Closing } from "./closing.ts";
import {
  type Commanded,
  SESSION_COMMANDS,
  type SessionCommand,
} from "./commands.ts";
import type { Answer } from "./shapes.ts";

const envelope = z.object({
  type: z.string().min(1).max(64),
  id: z.string().max(128).optional(),
  data: z.record(z.string(), z.unknown()).optional(),
});

/** A frame that is a command, before its data were looked at. */
export interface Command {
  readonly type: string;
  /** The command's id as JSON, `null` where it has none. */
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A frame that is none, with the id to answer to. */
export interface NoCommand {
  readonly id: string;
  readonly refusal: Refused;
}

export function parseCommand(frame: string): Command | NoCommand {
  if (nestsDeeperThan(LIMITS.jsonDepth, frame)) {
    return noCommand("null", "The frame nests too deep.");
  }
  let json: unknown;
  try {
    json = JSON.parse(frame);
  } catch {
    return noCommand("null", "The frame is not JSON.");
  }
  const parsed = envelope.safeParse(json);
  if (parsed.success) {
    const { type, id, data } = parsed.data;
    return { type, id: JSON.stringify(id ?? null), data: data ?? {} };
  }
  const id = z.object({ id: envelope.shape.id }).safeParse(json);
  return noCommand(
    JSON.stringify(id.data?.id ?? null),
    'A command is {"type":"…","id":"…","data":{…}}: ' +
      refuseInput(parsed.error).message,
  );
}

const OPERATIONS_BY_NAME: ReadonlyMap<string, UserOperation> = new Map(
  OPERATIONS.flatMap((operation) =>
    operation.access === "user" ? [[operation.name, operation]] : []
  ),
);
const SESSION_COMMANDS_BY_NAME: ReadonlyMap<string, SessionCommand> = new Map(
  SESSION_COMMANDS.map((command) => [command.name, command]),
);

/** What a command's type stands for; null where it stands for nothing. */
export function findCommand(
  type: string,
): UserOperation | SessionCommand | null {
  return OPERATIONS_BY_NAME.get(type) ?? SESSION_COMMANDS_BY_NAME.get(type) ??
    null;
}

/** How a command ended: its reply frame, and what follows on it. */
interface Done {
  readonly reply: string;
  afterwards?(): void;
  readonly closing?: Closing;
  /** When to come back after the closing. */
  readonly afterMs?: number | undefined;
}

/** Runs a command. Never rejects. An operation that is `ordered` takes its place in this very turn. */
export function runCommand(
  session: Commanded,
  found: UserOperation | SessionCommand,
  { id, data }: Command,
): Promise<Done> {
  const parsed = found.input.safeParse(data);
  if (!parsed.success) {
    return Promise.resolve({
      reply: errorFrame(id, toWireError(refuse(session, found, parsed.error))),
    });
  }
  return start(session, found, parsed.data).then(
    ({ data, ...rest }) => ({ reply: replyFrame(id, data), ...rest }),
    (thrown) => {
      if (!(thrown instanceof Refused)) session.shared.report(thrown);
      const error = toWireError(thrown);
      const closing = "fatal" in found ? closingOf(thrown) : undefined;
      return {
        reply: errorFrame(id, error),
        ...(closing && { closing, afterMs: error.retryAfterMs }),
      };
    },
  );
}

/** Who has not said hello is told that first: what they sent may be right after it. */
function refuse(
  session: Commanded,
  found: UserOperation | SessionCommand,
  error: z.ZodError,
): unknown {
  try {
    if (!("fatal" in found)) session.requireEntry();
    return refuseInput(error);
  } catch (refusal) {
    return refusal;
  }
}

function start(
  session: Commanded,
  found: UserOperation | SessionCommand,
  input: unknown,
): Promise<Answer<unknown>> {
  try {
    if (!("access" in found)) return found.run(session, input);
    const { principal } = session.requireEntry();
    return found.run(session.shared.core, input, principal)
      .then((data) => ({ data }));
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

/** A socket that could not say who it is has no further use; where it only said it wrongly it may try again. */
function closingOf(thrown: unknown): Closing | undefined {
  if (!(thrown instanceof Refused)) return "draining";
  switch (thrown.code) {
    case "token_expired":
    case "unauthenticated":
    case "forbidden":
    case "rate_limited":
      return thrown.code;
    case "conflict":
      return undefined;
    default:
      return "draining";
  }
}

function noCommand(id: string, message: string): NoCommand {
  return { id, refusal: new Refused("malformed_frame", message) };
}
