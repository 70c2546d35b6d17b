// What a client knows of its rooms, and how what it is told changes that: a pure reducer, as any client would write one.
import assert from "node:assert/strict";
import type { MemberShape, Message, MyRoom } from "../../kv/shapes.ts";
import type { Frame } from "./client.ts";

type ById<T> = Readonly<Record<string, T>>;

export interface RoomView {
  /** As listed, and as of its own `seq`. What follows from the messages (`unread`, `lastMessage`) is left to `present`. */
  readonly room: MyRoom;
  /** The `seq` up to which members and messages are known: where to resume. */
  readonly asOf: number;
  readonly members: ById<MemberShape>;
  readonly messages: ById<Message>;
}

export interface View {
  readonly me: Frame;
  readonly rooms: ById<RoomView>;
}

/** What one loads of a room that was listed without it. */
export interface Loaded {
  readonly asOf: number;
  readonly members: readonly MemberShape[];
  readonly messages: readonly Message[];
}

/** The view after one more frame; null once signed out for good. Frames that tell nothing lasting change nothing; what one should not be told throws. */
export function fold(view: View, frame: Frame): View | null {
  const { type, room, data } = frame;
  if (type === "session.ended") return null;
  if (type === "user.updated") return foldUser(view, data);
  if (type === "room.added") return list(view, [data]);
  if (room === undefined) return view;
  const known = view.rooms[room];
  assert.ok(known, `told of a room that is not one's own: ${type}`);
  if (type === "room.removed") return without(view, room);
  if (frame.seq !== undefined) {
    return withRoom(view, foldEvent(known, view.me.id, frame));
  }
  if (type === "receipt.read" && data.user === view.me.id) {
    const read = Math.max(known.room.read, data.seq);
    return withRoom(view, { ...known, room: { ...known.room, read } });
  }
  return view;
}

/** The view after the reply to a `hello` that resumed it: what is neither listed nor resumed is to be loaded anew. */
export function foldWelcome(view: View | null, welcome: Frame): View {
  const resumed = Object.fromEntries(
    welcome.resumed.map((room: string) => [room, view!.rooms[room]]),
  );
  return list({ me: welcome.user, rooms: resumed }, welcome.rooms);
}

/** Adds what was loaded of a room that is in the view. */
export function foldLoaded(
  view: View,
  room: string,
  { asOf, members, messages }: Loaded,
): View {
  const known = view.rooms[room]!;
  return withRoom(view, {
    ...known,
    asOf,
    members: Object.fromEntries(members.map((one) => [one.user.id, one])),
    messages: Object.fromEntries(messages.map((one) => [one.id, one])),
  });
}

/** What is shown of a view: the same as fresh snapshots say, where all was told. */
export function present({ me, rooms }: View): View {
  const shown = Object.values(rooms).map((known): [string, RoomView] => {
    const { lastMessage: _, ...room } = known.room;
    const messages = Object.values(known.messages);
    const last = messages.toSorted((a, b) => a.seq - b.seq).at(-1);
    const unread = messages.filter(({ seq, sender }) =>
      seq > room.read && sender !== me.id
    ).length;
    return [room.id, {
      ...known,
      room: { ...room, unread, ...(last ? { lastMessage: last } : {}) },
    }];
  });
  return { me, rooms: Object.fromEntries(shown) };
}

/** A durable event tells of the room, of a member or of a message; each knows what it knows already. */
function foldEvent(known: RoomView, me: string, frame: Frame): RoomView {
  return {
    room: frame.seq > known.room.seq
      ? foldRoom(known.room, me, frame)
      : known.room,
    members: frame.seq > known.asOf
      ? foldMembers(known.members, frame)
      : known.members,
    messages: foldMessages(known.messages, frame),
    asOf: Math.max(known.asOf, frame.seq),
  };
}

function foldRoom(room: MyRoom, me: string, frame: Frame): MyRoom {
  const { type, seq, data } = frame;
  switch (type) {
    case "room.updated": {
      const { name: _, description: __, ...rest } = room;
      return { ...rest, ...data };
    }
    case "message.created":
      return { ...room, seq, n: data.n };
    case "member.joined":
      return { ...room, seq, memberCount: room.memberCount + 1 };
    case "member.left":
      return { ...room, seq, memberCount: room.memberCount - 1 };
    case "member.updated":
      return data.user.id === me
        ? { ...room, seq, role: data.role }
        : { ...room, seq };
    default:
      return { ...room, seq };
  }
}

function foldMembers(
  members: ById<MemberShape>,
  { type, data }: Frame,
): ById<MemberShape> {
  if (type === "member.left") {
    const { [data.user.id]: _, ...others } = members;
    return others;
  }
  if (type !== "member.joined" && type !== "member.updated") return members;
  const { by: _, ...member } = data;
  return { ...members, [member.user.id]: member };
}

/** By the highest `rev`: events are replayed with the message as it is now. */
function foldMessages(
  messages: ById<Message>,
  { type, data }: Frame,
): ById<Message> {
  if (!type.startsWith("message.")) return messages;
  const old = messages[data.id];
  if (old !== undefined && old.rev >= data.rev) return messages;
  if (type !== "message.deleted") return { ...messages, [data.id]: data };
  if (old === undefined) return messages;
  const { text: _, ...rest } = old;
  const { id, rev, deletedAt, by } = data;
  return { ...messages, [id]: { ...rest, rev, deletedAt, deletedBy: by } };
}

function foldUser({ me, rooms }: View, user: Frame): View {
  const isKnown = user.id === me.id ||
    Object.values(rooms).some(({ members }) => user.id in members);
  assert.ok(isKnown, "told of a stranger");
  const card = toCard(user);
  const told = Object.values(rooms).map((known): [string, RoomView] => {
    const { room, members } = known;
    const member = members[user.id];
    return [room.id, {
      ...known,
      room: room.peer?.id === user.id ? { ...room, peer: toPeer(user) } : room,
      members: member
        ? { ...members, [user.id]: { ...member, user: card } }
        : members,
    }];
  });
  return {
    me: user.id === me.id ? user : me,
    rooms: Object.fromEntries(told),
  };
}

function toCard(user: Frame): MemberShape["user"] {
  if (user.deleted) return user;
  const { id, username, displayName, avatar } = user;
  return { id, username, displayName, ...(avatar ? { avatar } : {}) };
}

/** Oneself, in a notebook, as others see one. */
function toPeer({ email: _, ...user }: Frame): Frame {
  return user;
}

function list(view: View, rooms: readonly MyRoom[]): View {
  return rooms.reduce((listed, room) => {
    const known = view.rooms[room.id] ??
      { asOf: room.seq, members: {}, messages: {} };
    return withRoom(listed, { ...known, room });
  }, view);
}

function withRoom(view: View, known: RoomView): View {
  return { ...view, rooms: { ...view.rooms, [known.room.id]: known } };
}

function without(view: View, room: string): View {
  const { [room]: _, ...rooms } = view.rooms;
  return { ...view, rooms };
}
