// What people do in the protocol's tests besides speaking through a socket: in process, or from another device.
import assert from "node:assert/strict";
import type * as z from "zod";
import { authenticate } from "../../kv/accounts/verify.ts";
import { sendMessage } from "../../kv/messages/send.ts";
import type { UserOperation } from "../../kv/operation.ts";
import { CALLER } from "../accounts/world.ts";
import type { Person, Served } from "./world.ts";

/** Runs an operation as somebody, past every transport: the quickest way to make something happen. */
export async function doAs<Input extends z.ZodType, Output extends z.ZodType>(
  { core }: Served,
  { token }: Person,
  operation: UserOperation<string, Input, Output>,
  input: z.input<Input>,
): Promise<z.input<Output>> {
  const principal = await authenticate(core, token, CALLER);
  return await operation.run(core, operation.input.parse(input), principal);
}

/** Sends messages all at once, in this order; answers their numbers. */
export async function say(
  server: Served,
  who: Person,
  room: string,
  ...texts: readonly string[]
): Promise<number[]> {
  const principal = await authenticate(server.core, who.token, CALLER);
  const sent = await Promise.all(
    texts.map((text) =>
      sendMessage.run(server.core, { room, text }, principal)
    ),
  );
  return sent.map(({ seq }) => seq);
}

/** The same person with a session of another device. */
export async function onAnotherDevice(
  server: Served,
  person: Person,
): Promise<Person> {
  const { username } = person;
  const { status, body } = await server.ask(null, "POST", "/auth/login", {
    login: username,
    password: `password of ${username}`,
  });
  assert.equal(status, 200);
  const { accessToken: token, refreshToken } = body;
  return { ...person, token, refreshToken };
}

/** The whole numbers from `first` to `last`. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
