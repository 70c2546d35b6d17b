// Coming into a room by a code that somebody was given.
import { acceptInvite } from "../kv/rooms/accept.ts";
import {
  createInvite,
  listInvites,
  revokeInvite,
} from "../kv/rooms/invites.ts";
import { type Route, route } from "./route.ts";

export const INVITES: readonly Route[] = [
  route("GET", "/rooms/:room/invites", listInvites, 200),
  route("POST", "/rooms/:room/invites", createInvite, 201),
  route("DELETE", "/rooms/:room/invites/:code", revokeInvite, 204),
  route("POST", "/invites/:code/accept", acceptInvite, 200),
];
