// Reading messages as they are now: page by page in both directions, or one.
import * as z from "zod";
import type { Core } from "../core.ts";
import { notFound, Refused } from "../errors.ts";
import { seqOfMessageId } from "../ids.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import { toMessage } from "../log/event.ts";
import { userOperation } from "../operation.ts";
import { readAllowed } from "../rooms/access.ts";
import { id, type Message, message, page, seq } from "../shapes.ts";
import type { Found } from "../store.ts";

const PAGE = 50;

export const readHistory = userOperation({
  name: "room.history",
  summary:
    "Messages of a room, ascending; the newest page without before or after",
  scope: "messages",
  input: z.object({
    room: id,
    before: seq.optional().describe("A `seq`, exclusive"),
    after: seq.optional().describe("A `seq`, exclusive; 0 is the beginning"),
    limit: page.limit.describe(`Without it ${PAGE}`),
  }),
  output: z.object({
    items: z.array(message),
    hasMore: z.boolean(),
    asOf: seq,
  }),
  run(core, { room, before, after, limit = PAGE }, { user }) {
    if (before !== undefined && after !== undefined) {
      return Promise.reject(
        new Refused("invalid", "Give before or after, not both."),
      );
    }
    return readAllowed(core, "message.read", room, user, async ({ head }) => {
      const rows = await readPage(core, room, before, after, limit);
      return {
        items: rows.items.map((row) => toMessage(row.value)),
        hasMore: rows.hasMore,
        asOf: head.seq,
      };
    });
  },
});

export const getMessage = userOperation({
  name: "message.get",
  summary: "One message",
  scope: "messages",
  input: z.object({ room: id, messageId: id }),
  output: message,
  run(core, { room, messageId }, { user }) {
    return readAllowed(core, "message.read", room, user, async () => {
      const found = await readMessage(core, room, messageId);
      if (found === null) throw notFound("message");
      return found;
    });
  },
});

async function readMessage(
  core: Core,
  room: string,
  id: string,
): Promise<Message | null> {
  const seq = seqOfMessageId(id);
  if (seq === null) return null;
  const { value } = await core.store.get<string>(keys.message(room, seq));
  const found = value === null ? null : toMessage(value);
  return found?.id === id ? found : null;
}

/** One row more than asked tells whether there are more: a page may end within the response's bound. */
async function readPage(
  core: Core,
  room: string,
  before: number | undefined,
  after: number | undefined,
  limit: number,
): Promise<{ items: Found<string>[]; hasMore: boolean }> {
  const forward = after !== undefined;
  const rows = await core.store.list<string>(keys.messages(room), {
    ...(forward ? { start: keys.message(room, after + 1) } : {}),
    ...(before === undefined ? {} : { end: keys.message(room, before) }),
    limit: limit + 1,
    reverse: !forward,
  });
  const items: Found<string>[] = [];
  let bytes = 0;
  for (const row of rows.slice(0, limit)) {
    bytes += byteLength(row.value);
    if (items.length > 0 && bytes > HISTORY_BYTES) break;
    items.push(row);
  }
  const hasMore = items.length < rows.length;
  if (!forward) items.reverse();
  return { items, hasMore };
}

/** Leaves room for what stands around the items in a response of `LIMITS.bodyBytes`. */
const HISTORY_BYTES = LIMITS.bodyBytes - 1024;
const encoder = new TextEncoder();
const scratch = new Uint8Array(LIMITS.bodyBytes);

function byteLength(text: string): number {
  // A code unit is at most three bytes of UTF-8: short rows need no counting.
  return text.length < 400
    ? 3 * text.length
    : encoder.encodeInto(text, scratch).written;
}
