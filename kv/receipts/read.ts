// One's own read mark in a room: it only moves forward, in a row of its own, without moving the room's head.
import * as z from "zod";
import type { Core } from "../core.ts";
import { noRoom, Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import type { StoredEvent } from "../log/event.ts";
import { toMessage } from "../log/event.ts";
import type { Ring } from "../log/feed.ts";
import { type Asked, countSent, countSentUntil } from "../log/sent.ts";
import { userOperation } from "../operation.ts";
import { requireAccess } from "../rooms/access.ts";
import type { Mark } from "../rooms/membership.ts";
import { unreadOf } from "../rooms/mine.ts";
import { id, seq } from "../shapes.ts";

const TRIES = 20;

export const markRead = userOperation({
  name: "receipt.read",
  summary: "Say how far one has read; never moves back",
  scope: "messages",
  input: z.object({ room: id, seq }),
  output: z.object({ seq, n: seq, unread: seq }),
  async run(core, { room, seq }, { user }) {
    const rings: Ring[] = [{ user, what: "mark", in: room }];
    let unsure = false;
    for (let tries = 0; tries < TRIES; tries++) {
      const { head } = await requireAccess(core, "receipt.read", room, user);
      if (seq > head.seq) {
        throw new Refused("invalid", "The room has no such seq yet.", {
          errors: [{ path: "seq", message: `must be at most ${head.seq}` }],
        });
      }
      const key = keys.mark(user, room);
      const { value: mark, version } = await core.store.get<Mark>(key);
      // Removed since the room was read.
      if (mark === null) throw noRoom();
      const moved = seq > mark.seq;
      const now = moved ? await markAt(core, { room, user, head }, seq) : mark;
      if (moved) {
        // The check keeps the mark moving forward, and from coming back after a removal.
        const outcome = await core.feed.commit({
          checks: [{ key, version }],
          mutations: [{ key, value: now }],
        }, rings);
        if (outcome.kind !== "stored") {
          // It may be stored all the same, also where it is called lost.
          unsure = true;
          continue;
        }
      } else if (unsure) core.feed.announce(rings);
      const [sent] = await countSent(core.store, [{ room, user, head }]);
      return { seq: now.seq, n: now.n, unread: unreadOf(head.n, sent!, now) };
    }
    throw new Refused("unavailable", "The mark is contended; try again.");
  },
});

async function markAt(
  core: Core,
  asked: Asked,
  seq: number,
): Promise<Mark> {
  const { room } = asked;
  const [[message, event], own] = await Promise.all([
    core.store.getMany([keys.message(room, seq), keys.event(room, seq)]),
    countSentUntil(core.store, asked, seq),
  ]);
  if (typeof message?.value === "string") {
    return { v: 1, seq, n: toMessage(message.value).n, own };
  }
  const stored = event?.value as StoredEvent | null | undefined;
  if (!stored) throw noRoom();
  return { v: 1, seq, n: stored.n, own };
}
