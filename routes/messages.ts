// What is said in a room.
import { deleteMessage, editMessage } from "../kv/messages/edit.ts";
import { getMessage, readHistory } from "../kv/messages/history.ts";
import { sendMessage } from "../kv/messages/send.ts";
import { sent } from "../kv/shapes.ts";
import { type Route, route } from "./route.ts";

const MESSAGE = "/rooms/:room/messages/:messageId";

export const MESSAGES: readonly Route[] = [
  route("GET", "/rooms/:room/messages", readHistory, 200),
  route(
    "POST",
    "/rooms/:room/messages",
    sendMessage,
    201,
    (output) => sent.parse(output).duplicate,
  ),
  route("GET", MESSAGE, getMessage, 200),
  route("PATCH", MESSAGE, editMessage, 200),
  route("DELETE", MESSAGE, deleteMessage, 200),
];
