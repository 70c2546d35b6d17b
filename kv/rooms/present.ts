// What clients see of rooms, members and log rows: references filled in with what is true now.
import { readUsers, requireProfile, toCard } from "../accounts/profiles.ts";
import { toTimestamp } from "../clock.ts";
import type { Core } from "../core.ts";
import { keys } from "../keys.ts";
import {
  type LogRow,
  type Member,
  type StoredEvent,
  toEventFrame,
  toMessage,
} from "../log/event.ts";
import type { MemberShape, Message } from "../shapes.ts";

/** Members with their present names, in the order given. */
export async function presentMembers(
  core: Core,
  members: readonly { readonly user: string; readonly member: Member }[],
): Promise<MemberShape[]> {
  const users = await readUsers(core, members.map(({ user }) => user));
  return members.map(({ user, member }) => ({
    user: toCard(requireProfile(users, user)),
    role: member.role,
    joinedAt: toTimestamp(member.at),
  }));
}

export async function presentMember(
  core: Core,
  user: string,
  member: Member,
): Promise<MemberShape> {
  const [shown] = await presentMembers(core, [{ user, member }]);
  return shown!;
}

/** The frames of log rows. A created message's row is its frame already: a run of messages reads nothing. */
export async function presentRows(
  core: Core,
  room: string,
  rows: readonly LogRow[],
): Promise<string[]> {
  const members: { user: string; member: Member }[] = [];
  const messages: number[] = [];
  for (const row of rows) {
    if ("frame" in row) continue;
    const { event } = row;
    if (event.type === "message.updated") messages.push(event.data.message);
    else if (isAboutMember(event)) members.push(event.data);
  }
  const [shownMembers, messageRows] = await Promise.all([
    members.length > 0 ? presentMembers(core, members) : [],
    messages.length > 0
      ? core.store.getMany<string>(
        messages.map((seq) => keys.message(room, seq)),
      )
      : [],
  ]);
  let member = 0;
  let message = 0;
  return rows.map((row) => {
    if ("frame" in row) return row.frame;
    const { event } = row;
    const data = event.type === "message.updated"
      ? toShownMessage(messageRows[message++]!.value)
      : isAboutMember(event)
      ? { ...shownMembers[member++]!, by: event.data.by }
      : event.data;
    return toEventFrame(event.type, room, row.seq, event.n, data);
  });
}

/** Whether rows can be shown as they are, without waiting. */
export function areFrames(
  rows: readonly LogRow[],
): rows is readonly { seq: number; frame: string }[] {
  return rows.every((row) => "frame" in row);
}

type AboutMember = Extract<StoredEvent, { type: `member.${string}` }>;

function isAboutMember(event: StoredEvent): event is AboutMember {
  return event.type.startsWith("member.");
}

function toShownMessage(frame: string | null): Message {
  if (frame === null) throw new Error("an edited message has no row");
  return toMessage(frame);
}
