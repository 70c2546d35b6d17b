// Rooms, and coming and going.
import { changeRoom, getRoom } from "../kv/rooms/change.ts";
import { listChannels } from "../kv/rooms/channels.ts";
import { createRoom } from "../kv/rooms/create.ts";
import { deleteRoom } from "../kv/rooms/deletion.ts";
import { joinRoom, leaveRoom } from "../kv/rooms/join.ts";
import { listRooms } from "../kv/rooms/list.ts";
import { room } from "../kv/shapes.ts";
import { type Route, route } from "./route.ts";

// Two people have one direct room: asking for it is not making one, whoever was first.
const isDirect = (output: unknown) => room.parse(output).type === "direct";

export const ROOMS: readonly Route[] = [
  route("POST", "/rooms", createRoom, 201, isDirect),
  route("GET", "/rooms", listRooms, 200),
  route("GET", "/rooms/public", listChannels, 200),
  route("GET", "/rooms/:room", getRoom, 200),
  route("PATCH", "/rooms/:room", changeRoom, 200),
  route("DELETE", "/rooms/:room", deleteRoom, 204),
  route("POST", "/rooms/:room/join", joinRoom, 200),
  route("POST", "/rooms/:room/leave", leaveRoom, 204),
];
