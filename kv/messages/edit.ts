// Editing and deleting a message. The log keeps no text that was taken back: its rows refer to the message as it is now.
import * as z from "zod";
import { toTimestamp } from "../clock.ts";
import { notFound, Refused } from "../errors.ts";
import { seqOfMessageId } from "../ids.ts";
import type { Draft } from "../log/draft.ts";
import { userOperation } from "../operation.ts";
import { requireActor } from "../rooms/access.ts";
import { deletedMessage, id, type Message, message, text } from "../shapes.ts";
import { keepFirstText } from "./first_text.ts";

export const editMessage = userOperation({
  name: "message.edit",
  summary: "Change the text of one's own message",
  scope: "messages",
  ordered: true,
  input: z.object({ room: id, messageId: id, text }),
  output: message,
  run(core, { room, messageId, text }, { user }) {
    return core.logs.change(room, async (draft) => {
      await draft.meet(user);
      requireActor(draft, "message.read", user);
      const before = await requireMessage(draft, messageId);
      requireActor(draft, "message.edit", user);
      if (before.sender !== user) {
        throw new Refused("forbidden", "Only its author edits a message.");
      }
      if (before.deletedAt !== undefined) {
        throw new Refused("conflict", "The message is deleted.");
      }
      if (before.text === text) return before;

      keepFirstText(draft, before);
      const rev = draft.addEvent(() => ({
        type: "message.updated",
        data: { message: before.seq },
      }));
      const edited: Message = {
        ...before,
        rev,
        text,
        editedAt: toTimestamp(draft.head.at),
      };
      draft.rewriteMessage(edited);
      return edited;
    });
  },
});

export const deleteMessage = userOperation({
  name: "message.delete",
  summary: "Delete a message: its author, or the room's admins and owners",
  scope: "messages",
  ordered: true,
  input: z.object({ room: id, messageId: id }),
  output: deletedMessage,
  run(core, { room, messageId }, { user }) {
    return core.logs.change(room, async (draft) => {
      await draft.meet(user);
      requireActor(draft, "message.read", user);
      const before = await requireMessage(draft, messageId);
      requireActor(
        draft,
        before.sender === user ? "message.delete" : "message.deleteOthers",
        user,
      );
      if (before.deletedAt !== undefined) return toDeleted(before, user);

      keepFirstText(draft, before);
      const deletedAt = toTimestamp(draft.head.at);
      const { id, n } = before;
      const rev = draft.addEvent((rev) => ({
        type: "message.deleted",
        data: { id, n, rev, deletedAt, by: user },
      }));
      const { text: _, ...rest } = before;
      draft.rewriteMessage({ ...rest, rev, deletedAt, deletedBy: user });
      return { id, n, rev, deletedAt, by: user };
    });
  },
});

function toDeleted(message: Message, fallback: string) {
  const { id, n, rev, deletedAt, deletedBy } = message;
  return { id, n, rev, deletedAt: deletedAt!, by: deletedBy ?? fallback };
}

async function requireMessage(draft: Draft, id: string): Promise<Message> {
  const seq = seqOfMessageId(id);
  const found = seq === null ? null : await draft.message(seq);
  if (found === null || found.id !== id) throw notFound("message");
  return found;
}
