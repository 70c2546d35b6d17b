// Sending a message exactly once.
import * as z from "zod";
import { derivedId, randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import type { Draft, NewMessage } from "../log/draft.ts";
import { userOperation } from "../operation.ts";
import type { Principal } from "../principal.ts";
import { requireActor } from "../rooms/access.ts";
import { clientId, id, type Message, sent, text } from "../shapes.ts";
import { digestText } from "./first_text.ts";

type Sent = z.infer<typeof sent>;

export const sendMessage = userOperation({
  name: "message.send",
  summary:
    "Send a message; a repeat with the same clientId gets the first result",
  scope: "messages",
  ordered: true,
  input: z.object({ room: id, clientId: clientId.optional(), text }),
  output: sent,
  run(core, input, principal) {
    const message: NewMessage = {
      nonce: randomId(12),
      sender: principal.user,
      clientId: input.clientId ?? ownClientId(principal),
      text: input.text,
    };
    return core.logs.change(input.room, (draft) => {
      const meeting = draft.meetSender(message.sender);
      return meeting === undefined
        ? send(draft, message)
        : meeting.then(() => send(draft, message));
    });
  },
});

/** Nothing here waits in the steady state: a full batch is decided in one turn. */
function send(
  draft: Draft,
  message: NewMessage,
): Sent | Promise<Sent> {
  // Looked up before permission, so that a repeat after a removal still gets its result.
  const first = draft.sentUnder(message.sender, message.clientId);
  if (typeof first === "number") {
    return repeat(draft, first, message);
  }
  if (first !== undefined) return toSent(first, first.text !== message.text);
  requireActor(draft, "message.send", message.sender);
  return toSent(draft.addMessage(message));
}

async function repeat(
  draft: Draft,
  seq: number,
  { text }: NewMessage,
): Promise<Sent> {
  const first = await draft.message(seq);
  if (first === null) throw new Error("a sent message has no row");
  if (first.rev === first.seq) return toSent(first, first.text !== text);
  // What it said first is not kept once it was edited or deleted, only a digest of it.
  const kept = await draft.read<string>(keys.firstText(draft.room, seq));
  return toSent(first, kept !== null && kept !== digestText(draft.room, text));
}

function toSent({ id, seq, n, at }: Message, differs?: boolean): Sent {
  return {
    messageId: id,
    seq,
    n,
    at,
    duplicate: differs !== undefined,
    ...(differs ? { differs } : {}),
  };
}

/** Without a `clientId` a repeat is a new message, unless REST's idempotency key says otherwise. */
function ownClientId({ idempotencyKey }: Principal): string {
  return idempotencyKey === undefined
    ? `~${randomId()}`
    : `~${derivedId("message", idempotencyKey)}`;
}
