// The wire contract's shapes, as zod schemas: what goes in and out by REST and by WebSocket.
import * as z from "zod";
import { LIMITS } from "./limits.ts";
import { line, optionalProse, prose, secretText } from "./text.ts";

/** An id as clients may send it: opaque, short, without anything that could reach into a key or a path. */
export const id = z.string().regex(/^[A-Za-z0-9_.~-]{1,64}$/, "must be an id");
export const seq = z.int().min(0);
export const timestamp = z.iso.datetime({ precision: 3 });

export const page = {
  limit: z.int().min(1).max(LIMITS.pageItems).optional(),
  cursor: z.string().min(1).max(512).optional(),
};

export function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

export const nothing = z.object({});

export const username = z.string().regex(
  /^[A-Za-z0-9._-]{3,32}$/,
  "must be 3 to 32 of a-z, 0-9, '.', '_', '-'",
);
export const email = z.email("must be an e-mail address").max(254);
/** A password one may choose; signing in takes any. */
export const newPassword = secretText(8, LIMITS.passwordCodePoints);
export const displayName = line(LIMITS.displayNameCodePoints);
export const about = optionalProse(LIMITS.aboutCodePoints);
export const avatar = z.url({
  protocol: /^https?$/,
  hostname: /./,
  error: "must be an http(s) URL",
}).max(LIMITS.avatarLength);

export const liveUser = z.object({
  id,
  username,
  displayName: z.string(),
  avatar: z.string().optional(),
  about: z.string().optional(),
  createdAt: timestamp,
}).meta({ id: "LiveUser" });
export const deletedUser = z.object({ id, deleted: z.literal(true) })
  .meta({ id: "DeletedUser" });
export const user = z.union([liveUser, deletedUser]).meta({ id: "User" });
/** What a user may do in the service, whatever the room. */
export const serviceRole = z.enum(["user", "moderator", "admin"])
  .meta({ id: "ServiceRole" });
export type ServiceRole = z.infer<typeof serviceRole>;
/** Only what one sees of oneself. */
export const me = liveUser.extend({
  email: z.string().optional(),
  role: serviceRole,
}).meta({ id: "Me" });

export const role = z.enum(["owner", "admin", "member", "guest"])
  .meta({ id: "Role" });
export type Role = z.infer<typeof role>;
export const roomType = z.enum(["direct", "group", "channel"]);
export type RoomType = z.infer<typeof roomType>;

export const roomName = line(LIMITS.roomNameCodePoints);
export const description = optionalProse(LIMITS.descriptionCodePoints);

export const text = prose(LIMITS.textCodePoints);
// Any well-formed line: it is stored and compared, never interpreted.
export const clientId = line(LIMITS.clientIdLength);

export const message = z.object({
  id,
  room: id,
  seq: seq.describe("Where in the room's log it was created"),
  n: seq.describe("The how-manieth message of the room it is"),
  rev: seq.describe("The `seq` of its last change: the highest wins"),
  sender: id,
  clientId: z.string(),
  text: z.string().optional(),
  at: timestamp,
  editedAt: timestamp.optional(),
  deletedAt: timestamp.optional(),
  deletedBy: id.optional(),
}).meta({ id: "Message" });
export type Message = z.infer<typeof message>;

export const deletedMessage = z.object({
  id,
  n: seq,
  rev: seq,
  deletedAt: timestamp,
  by: id,
}).meta({ id: "DeletedMessage" });

export const room = z.object({
  id,
  type: roomType,
  name: z.string().optional(),
  description: z.string().optional(),
  epoch: z.string().describe("Changes when the database is put back"),
  seq: seq.describe("Of its last event"),
  n: seq.describe("How many messages it has had"),
  memberCount: seq,
  createdAt: timestamp,
}).meta({ id: "Room" });
export type Room = z.infer<typeof room>;

/** A room as its member sees it in a list. */
export const myRoom = room.extend({
  role,
  read: seq.describe("The `seq` up to which one has read"),
  unread: seq.describe("Messages of others since"),
  lastMessage: message.optional(),
  peer: user.optional(),
}).meta({ id: "MyRoom" });
export type MyRoom = z.infer<typeof myRoom>;

export const profileCard = z.union([
  liveUser.pick({ id: true, username: true, displayName: true, avatar: true }),
  deletedUser,
]);

export const member = z.object({ user: profileCard, role, joinedAt: timestamp })
  .meta({ id: "Member" });
export type MemberShape = z.infer<typeof member>;

/** Looser than the codes that are made: one that was mistyped is unknown, not invalid. */
export const inviteCode = z.string().regex(
  /^[A-Za-z0-9_-]{1,64}$/,
  "must be an invite's code",
);
export const invitedRole = role.exclude(["owner"]);
export const invite = z.object({
  code: inviteCode,
  role: invitedRole.describe("What one becomes by it"),
  by: id.describe("Who made it: it is good while they may make it"),
  usesLeft: z.int().min(1).nullable().describe("Null: as many as like"),
  expiresAt: timestamp,
}).meta({ id: "Invite" });
export type InviteShape = z.infer<typeof invite>;

export const sent = z.object({
  messageId: id,
  seq,
  n: seq,
  at: timestamp,
  duplicate: z.boolean(),
  differs: z.literal(true).optional(),
}).meta({ id: "Sent" });
