// Frames that are not durable events: replies, events of a user, ephemeral events of a room.
import type { WireError } from "../kv/errors.ts";

/** An event of a user: no room, no `seq`. */
export function userFrame(type: string, data: unknown): string {
  return `{"type":"${type}","data":${JSON.stringify(data)}}`;
}

/** An ephemeral event of a room. */
export function roomFrame(type: string, room: string, data: unknown): string {
  return `{"type":"${type}","room":"${room}","data":${JSON.stringify(data)}}`;
}

/** The room's last frame on this socket. */
export function removedFrame(room: string, reason: string): string {
  return `{"type":"room.removed","room":"${room}","data":{"reason":"${reason}"}}`;
}

/** @param id the command's, already as JSON: a string or `null` */
export function replyFrame(id: string, data: unknown): string {
  return `{"type":"reply","id":${id},"ok":true,"data":${
    JSON.stringify(data ?? {})
  }}`;
}

export function errorFrame(id: string, error: WireError): string {
  return `{"type":"reply","id":${id},"ok":false,"error":${
    JSON.stringify(error)
  }}`;
}
