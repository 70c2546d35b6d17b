// Who is in a room.
import {
  addToRoom,
  changeMember,
  listMembers,
  removeFromRoom,
} from "../kv/rooms/members.ts";
import { type Route, route } from "./route.ts";

export const MEMBERS: readonly Route[] = [
  route("GET", "/rooms/:room/members", listMembers, 200),
  route("POST", "/rooms/:room/members", addToRoom, 201),
  route("PATCH", "/rooms/:room/members/:userId", changeMember, 200),
  route("DELETE", "/rooms/:room/members/:userId", removeFromRoom, 204),
];
