// The commands that only a socket has: who one is, which rooms one follows. All others are the operations.
import * as z from "zod";
import { toTimestamp } from "../../kv/clock.ts";
import { id, myRoom, nothing, seq, timestamp } from "../../kv/shapes.ts";
import type { Shared } from "../shared.ts";
import type { Entry } from "./entry.ts";
import {
  type Answer,
  gap,
  listed,
  type Places,
  places,
  type Welcome,
  welcome,
} from "./shapes.ts";

/** What a command sees of the socket's session. */
export interface Commanded {
  readonly shared: Shared;
  /** @throws Refused `hello_required` before the client has said who it is */
  requireEntry(): Entry;
  hello(
    token: string | undefined,
    places: Places,
    batch: boolean,
  ): Promise<Answer<Welcome>>;
}

const token = z.string().min(1).max(4096);

export interface SessionCommand<
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
> {
  readonly name: string;
  readonly summary: string;
  readonly input: Input;
  readonly output: Output;
  /** A refusal for want of a valid token ends the socket. */
  readonly fatal?: true;
  run(
    session: Commanded,
    input: z.output<Input>,
  ): Promise<Answer<z.input<Output>>>;
}

function command<Input extends z.ZodType, Output extends z.ZodType>(
  command: SessionCommand<Input, Output>,
): SessionCommand<Input, Output> {
  return command;
}

export const SESSION_COMMANDS: readonly SessionCommand[] = [
  command({
    name: "hello",
    summary: "The first command: who one is, and what one has of one's rooms",
    input: z.object({
      token: token.optional(),
      resume: places.optional(),
      batch: z.boolean().optional(),
    }),
    output: welcome,
    fatal: true,
    run: (session, { token, resume = {}, batch = false }) =>
      session.hello(token, resume, batch),
  }),
  command({
    name: "resume",
    summary:
      "List and resume the next rooms; without a cursor, resume listed ones",
    input: z.object({
      cursor: z.string().min(1).max(16).optional(),
      rooms: places.optional(),
    }),
    output: listed,
    run: async (session, { cursor, rooms = {} }) =>
      await session.requireEntry().resume(cursor, rooms),
  }),
  command({
    name: "auth.refresh",
    summary: "Renew the access token in place",
    input: z.object({ token }),
    output: z.object({ expiresAt: timestamp }),
    run: async (session, { token }) => ({
      data: await session.requireEntry().renew(token),
    }),
  }),
  command({
    name: "room.subscribe",
    summary: "Follow a room, from after a seq or from now",
    input: z.object({ room: id, after: seq.optional() }),
    output: z.object({ room: myRoom, gap: gap.optional() }),
    run: async (session, { room, after }) =>
      await session.requireEntry().subscribe(room, after),
  }),
  command({
    name: "room.unsubscribe",
    summary: "Stop following a room; one stays its member",
    input: z.object({ room: id }),
    output: nothing,
    run: (session, { room }) => {
      session.requireEntry().unsubscribe(room);
      return Promise.resolve({ data: {} });
    },
  }),
  command({
    name: "ping",
    summary: "Ask for a sign of life",
    input: nothing,
    output: z.object({ at: timestamp }),
    run: ({ shared }) => {
      const at = toTimestamp(shared.core.clock.now());
      return Promise.resolve({ data: { at } });
    },
  }),
];
