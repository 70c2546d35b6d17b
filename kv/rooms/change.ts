// Reading and describing a room.
import * as z from "zod";
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import type { Draft } from "../log/draft.ts";
import { toRoom } from "../log/head.ts";
import { userOperation } from "../operation.ts";
import {
  description,
  id,
  myRoom,
  type Room,
  room,
  roomName,
  seq,
} from "../shapes.ts";
import { requireAccess, requireActor } from "./access.ts";
import { toChannelKey } from "./channels.ts";
import { requireMyRoom } from "./mine.ts";

/** A room as anybody who may read it sees it: a member sees their own standing too. */
const seenRoom = myRoom.partial({ role: true, read: true, unread: true })
  .extend({ asOf: seq }).meta({ id: "SeenRoom" });

export const getRoom = userOperation({
  name: "room.get",
  summary: "One room",
  scope: "rooms",
  input: z.object({ room: id }),
  output: seenRoom,
  async run(core, { room }, { user }) {
    const { head, member } = await requireAccess(core, "room.read", room, user);
    const seen = member === null
      ? toRoom(room, head, core.logs.generation)
      : await requireMyRoom(core, user, room);
    return { ...seen, asOf: seen.seq };
  },
});

export const changeRoom = userOperation({
  name: "room.update",
  summary: "Rename or describe a room",
  scope: "rooms",
  ordered: true,
  input: z.object({
    room: id,
    name: roomName.nullable().optional(),
    description: description.nullable().optional(),
  }),
  output: room,
  run(core, { room, name, description }, { user }) {
    return core.logs.change(room, async (draft) => {
      await draft.meet(user);
      requireActor(draft, "room.change", user);
      const { head } = draft;
      const before = { name: head.name, description: head.description };
      const after = {
        name: name === undefined ? head.name : name ?? undefined,
        description: description === undefined
          ? head.description
          : description || undefined,
      };
      if (head.type === "channel" && after.name === undefined) {
        throw new Refused("invalid", "A channel needs a name.");
      }
      if (
        before.name === after.name && before.description === after.description
      ) return toRoom(room, head, core.logs.generation);

      describe(head, after);
      if (head.type === "channel" && before.name !== after.name) {
        draft.delete(toChannelKey(before.name!, room));
        draft.set(toChannelKey(after.name!, room), room);
      }
      return announceChange(core, draft);
    });
  },
});

function describe(
  head: Draft["head"],
  { name, description }: {
    name: string | undefined;
    description: string | undefined;
  },
): void {
  if (name === undefined) delete head.name;
  else head.name = name;
  if (description === undefined) delete head.description;
  else head.description = description;
}

function announceChange(core: Core, draft: Draft): Room {
  let changed: Room | undefined;
  draft.addEvent(() => {
    // The head counts this event already.
    changed = toRoom(draft.room, draft.head, core.logs.generation);
    return { type: "room.updated", data: changed };
  });
  return changed!;
}
