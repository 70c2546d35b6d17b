// Durable events as they are stored. A created message is stored as the very frame that clients get;
// every other event as a reference that is filled in when it is read, so that nothing taken back survives in the log.
import type { Message, Role, Room } from "../shapes.ts";

/** A member of a room, stored under the room. `joined` is the `seq` of the joining. */
export interface Member {
  readonly v: 1;
  readonly role: Role;
  readonly joined: number;
  readonly at: number;
}

export type RoomEvent =
  | {
    readonly type: "room.created" | "room.updated" | "room.deleted";
    readonly data: Room;
  }
  | {
    readonly type: "member.joined" | "member.updated" | "member.left";
    readonly data: {
      readonly user: string;
      readonly by: string;
      readonly member: Member;
    };
  }
  | {
    readonly type: "message.updated";
    /** The `seq` under which the message stands. */
    readonly data: { readonly message: number };
  }
  | {
    readonly type: "message.deleted";
    readonly data: {
      readonly id: string;
      readonly n: number;
      readonly rev: number;
      readonly deletedAt: string;
      readonly by: string;
    };
  };

/** An event as stored under its `seq`. `n` is the room's count of messages at that point. */
export type StoredEvent = RoomEvent & {
  readonly v: 1;
  readonly n: number;
  readonly commit: string;
};

/** A row of the log, in memory: either a created message's frame or another event. */
export type LogRow =
  | {
    readonly seq: number;
    readonly frame: string;
    /** What the frame holds, where it was made here: then nobody need parse it. */
    readonly message?: Message;
  }
  | { readonly seq: number; readonly event: StoredEvent };

/**
 * The frame of `message.created`. Written by hand, because it is made once for every message:
 * ids hold nothing that JSON would escape, and a client can route by the first bytes.
 */
export function toMessageFrame(message: Message): string {
  const { id, room, seq } = message;
  return `{"type":"message.created","room":"${room}","seq":${seq},"data":{` +
    `"id":"${id}","room":"${room}","seq":${seq},"n":${message.n},"rev":${message.rev},` +
    `"sender":"${message.sender}","clientId":${
      JSON.stringify(message.clientId)
    },"at":"${message.at}"` +
    (message.editedAt === undefined
      ? ""
      : `,"editedAt":"${message.editedAt}"`) +
    (message.deletedAt === undefined
      ? ""
      : `,"deletedAt":"${message.deletedAt}"`) +
    (message.deletedBy === undefined
      ? ""
      : `,"deletedBy":"${message.deletedBy}"`) +
    (message.text === undefined
      ? ""
      : `,"text":${JSON.stringify(message.text)}`) +
    "}}";
}

/** The message inside its frame, as it is now. */
export function toMessage(frame: string): Message {
  return JSON.parse(frame).data;
}

/** A durable event's frame. */
export function toEventFrame(
  type: RoomEvent["type"],
  room: string,
  seq: number,
  n: number,
  data: unknown,
): string {
  return `{"type":"${type}","room":"${room}","seq":${seq},"n":${n},"data":${
    JSON.stringify(data)
  }}`;
}
