// Every event that a socket may be sent, for the documents and for those who read them.
import * as z from "zod";
import {
  deletedMessage,
  id,
  me,
  member,
  message,
  myRoom,
  room,
  seq,
  timestamp,
  user,
} from "../kv/shapes.ts";

export interface EventKind {
  readonly type: string;
  readonly summary: string;
  /** `durable` events have `room`, `seq` and `n`; `room` events are ephemeral; `user` events name no room on top. */
  readonly of: "durable" | "room" | "user";
  readonly data: z.ZodType;
}

const memberEvent = member.extend({ by: id }).meta({ id: "MemberEvent" });

export const EVENTS: readonly EventKind[] = [
  {
    type: "message.created",
    summary: "A message, as it is now",
    of: "durable",
    data: message,
  },
  {
    type: "message.updated",
    summary: "A message was changed: as it is now",
    of: "durable",
    data: message,
  },
  {
    type: "message.deleted",
    summary: "A message was taken back",
    of: "durable",
    data: deletedMessage,
  },
  {
    type: "member.joined",
    summary: "Somebody is in the room now",
    of: "durable",
    data: memberEvent,
  },
  {
    type: "member.updated",
    summary: "A member's role was changed",
    of: "durable",
    data: memberEvent,
  },
  {
    type: "member.left",
    summary: "Somebody left, or was removed by another",
    of: "durable",
    data: memberEvent,
  },
  {
    type: "room.created",
    summary: "The first event of a room",
    of: "durable",
    data: room,
  },
  {
    type: "room.updated",
    summary: "The room was renamed or described",
    of: "durable",
    data: room,
  },
  {
    type: "room.deleted",
    summary: "The room is gone",
    of: "durable",
    data: room,
  },
  {
    type: "room.live",
    summary: "All that was missing was sent: live from here",
    of: "room",
    data: z.object({ seq }),
  },
  {
    type: "lag",
    summary:
      "This socket is slow: the room is at `head`, the rest follows as it reads",
    of: "room",
    data: z.object({ head: seq }),
  },
  {
    type: "receipt.read",
    summary:
      "Somebody has read so far; for now one's own marks, from one's other devices",
    of: "room",
    data: z.object({ user: id, seq, n: seq }),
  },
  {
    type: "room.removed",
    summary: "One is no longer in the room: its last frame",
    of: "room",
    data: z.object({ reason: z.enum(["left", "removed", "deleted"]) }),
  },
  {
    type: "room.added",
    summary: "One is in this room now; its events follow",
    of: "user",
    data: myRoom,
  },
  {
    type: "user.updated",
    summary: "One's own profile, or that of somebody in a room one follows",
    of: "user",
    data: z.union([me, user]),
  },
  {
    type: "session.ended",
    summary: "This session was ended; the socket closes",
    of: "user",
    data: z.object({ session: id }),
  },
  {
    type: "auth.expiring",
    summary: "The access token runs out soon: send `auth.refresh`",
    of: "user",
    data: z.object({ expiresAt: timestamp }),
  },
  {
    type: "bye",
    summary:
      "The server closes this socket; `reconnect` tells whether to come back, `afterMs` when",
    of: "user",
    data: z.object({
      code: z.int(),
      reason: z.string(),
      reconnect: z.boolean(),
      afterMs: z.int(),
    }),
  },
];
