// AsyncAPI 3.0 of the socket: commands out of the operations and the session, replies, events.
import type { Operation } from "../../kv/operation.ts";
import type { EventKind } from "../../realtime/events.ts";
import { CODES, errorSchema } from "./errors.ts";
import { type JsonSchema, objectOf, reference, SchemaPool } from "./schemas.ts";

/** The part of a session's command that is told. */
export type SessionCommand = Pick<
  Operation,
  "name" | "summary" | "input" | "output"
>;

/** The document as a value. Public operations have no socket command. */
export function asyncApi(
  operations: readonly Operation[],
  sessionCommands: readonly SessionCommand[],
  events: readonly EventKind[],
  version: string,
) {
  const pool = new SchemaPool();
  const commands = [
    ...sessionCommands,
    ...operations.filter(({ access }) => access === "user"),
  ];
  const messages: Record<string, JsonSchema> = {
    "reply.error": refusedReply,
  };
  const actions: Record<string, JsonSchema> = {};
  for (const command of commands) {
    const asked = `command.${command.name}`;
    const answered = `reply.${command.name}`;
    messages[asked] = commandMessage(pool, command);
    messages[answered] = replyMessage(pool, command);
    actions[asked] = {
      action: "receive",
      summary: command.summary,
      channel: CHANNEL,
      messages: [onChannel(asked)],
      reply: {
        channel: CHANNEL,
        messages: [onChannel(answered), onChannel("reply.error")],
      },
    };
  }
  for (const event of events) {
    const name = `event.${event.type}`;
    messages[name] = eventMessage(pool, event);
    actions[name] = {
      action: "send",
      summary: event.summary,
      channel: CHANNEL,
      messages: [onChannel(name)],
    };
  }
  return {
    asyncapi: "3.0.0",
    info: { title: "Kvorum", version, license: { name: "MIT" }, description },
    defaultContentType: "application/json",
    channels: {
      socket: {
        address: "/api/v1/ws",
        messages: Object.fromEntries(
          Object.keys(messages).map((
            name,
          ) => [name, reference("messages", name)]),
        ),
      },
    },
    operations: actions,
    components: {
      messages,
      schemas: { ...pool.components, Error: errorSchema },
    },
  };
}

const description = "One JSON object per text frame. A client that said " +
  "`batch: true` in hello may get an array of them. Subprotocol `kvorum.v1`.";

const CHANNEL: JsonSchema = { $ref: "#/channels/socket" };

function onChannel(name: string): JsonSchema {
  return { $ref: `#/channels/socket/messages/${name}` };
}

const COMMAND_ID: JsonSchema = {
  type: "string",
  description: "Chosen by the client; the reply carries it",
};

function commandMessage(pool: SchemaPool, command: SessionCommand): JsonSchema {
  const data = pool.add(command.input, "input");
  const properties = { type: constant(command.name), id: COMMAND_ID, data };
  const isNeeded = Array.isArray(data["required"]);
  return {
    name: command.name,
    summary: command.summary,
    payload: objectOf(properties, isNeeded ? [] : ["data"]),
  };
}

function replyMessage(pool: SchemaPool, command: SessionCommand): JsonSchema {
  return {
    name: `reply to ${command.name}`,
    payload: objectOf({
      type: constant("reply"),
      id: COMMAND_ID,
      ok: constant(true),
      data: pool.add(command.output, "output"),
    }),
  };
}

const refusedReply: JsonSchema = {
  name: "refused",
  summary: "The reply to a command that was refused",
  description: CODES.map(({ code, title }) => `\`${code}\`: ${title}.`)
    .join("\n"),
  payload: objectOf({
    type: constant("reply"),
    id: {
      type: ["string", "null"],
      description: "null where the command had none",
    },
    ok: constant(false),
    error: reference("schemas", "Error"),
  }),
};

/** What stands around an event's data. */
const AROUND: Readonly<Record<EventKind["of"], Record<string, JsonSchema>>> = {
  durable: {
    room: { type: "string" },
    seq: { type: "integer", minimum: 1 },
    n: {
      type: "integer",
      minimum: 0,
      description: "How many messages the room had then",
    },
  },
  room: { room: { type: "string" } },
  user: {},
};

function eventMessage(
  pool: SchemaPool,
  { type, summary, of, data }: EventKind,
): JsonSchema {
  const payload = objectOf({
    type: constant(type),
    ...AROUND[of],
    data: pool.add(data, "output"),
  }, ["n"]);
  return { name: type, summary, payload };
}

function constant(value: string | boolean): JsonSchema {
  return { type: typeof value, const: value };
}
