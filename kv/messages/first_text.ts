// What an edited or deleted message said first: only its digest is kept, to tell a repeat that differs.
import { createHash } from "node:crypto";
import { keys } from "../keys.ts";
import type { Draft } from "../log/draft.ts";
import type { Message } from "../shapes.ts";

/** To be called before a message's first change. */
export function keepFirstText(draft: Draft, message: Message): void {
  if (message.rev !== message.seq || message.text === undefined) return;
  draft.set(
    keys.firstText(draft.room, message.seq),
    digestText(draft.room, message.text),
  );
}

export function digestText(room: string, text: string): string {
  return createHash("sha256").update(`${room}\n${text}`).digest("base64url");
}
