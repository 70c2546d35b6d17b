// Making a room: groups and channels anew, a direct room once for each pair of users.
import * as z from "zod";
import { requireUsers } from "../accounts/profiles.ts";
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { derivedId, pairOf, randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import type { Draft } from "../log/draft.ts";
import { type Head, toRoom } from "../log/head.ts";
import { userOperation } from "../operation.ts";
import type { Principal } from "../principal.ts";
import {
  description,
  id,
  type MyRoom,
  myRoom,
  type Role,
  roomName,
  type RoomType,
  roomType,
} from "../shapes.ts";
import { toChannelKey } from "./channels.ts";
import { addMember, requireSpace } from "./membership.ts";
import { requireMyRoom } from "./mine.ts";

const input = z.object({
  type: roomType,
  name: roomName.optional(),
  description: description.optional(),
  members: z.array(id).max(LIMITS.membersAtCreation).optional().describe(
    "Ids of users, yourself aside; a direct room takes just one",
  ),
}).superRefine(({ type, name, members }, context) => {
  const fault = (path: string, message: string) =>
    context.addIssue({ code: "custom", path: [path], message });
  if (type === "channel" && name === undefined) {
    fault("name", "a channel is listed, so it needs a name");
  }
  if (type === "direct" && members?.length !== 1) {
    fault("members", "a direct room takes one member (yourself: a notebook)");
  }
  if (type === "direct" && name !== undefined) {
    fault("name", "a direct room has no name");
  }
});

export const createRoom = userOperation({
  name: "room.create",
  summary: "Make a room; for a direct room, the one that exists or a new one",
  scope: "rooms",
  input,
  output: myRoom,
  async run(core, { type, name, description, members = [] }, principal) {
    const others = [...new Set(members)].filter((id) => id !== principal.user);
    if (type === "direct") {
      return createDirect(core, principal, others[0] ?? principal.user);
    }
    await requireUsers(core, others);
    for (const user of [principal.user, ...others]) {
      await requireSpace(core, user);
    }
    // The same key makes the same room, so that a repeat after a crash finds it.
    const room = principal.idempotencyKey === undefined
      ? randomId()
      : derivedId("room", principal.user, principal.idempotencyKey);
    const head: Head = {
      ...newHead(core, type),
      ...(name === undefined ? {} : { name }),
      ...(description ? { description } : {}),
    };
    await core.logs.create(room, head, (draft) => {
      announceRoom(core, draft);
      addMember(draft, principal.user, "owner", principal.user);
      for (const user of others) {
        addMember(draft, user, "member", principal.user);
      }
      if (type === "channel") draft.set(toChannelKey(head.name!, room), room);
    });
    return requireMyRoom(core, principal.user, room);
  },
});

async function createDirect(
  core: Core,
  { user }: Principal,
  peer: string,
): Promise<MyRoom> {
  const pair = pairOf(user, peer);
  const pairKey = keys.pair(...pair);
  const found = await core.store.get<string>(pairKey);
  if (found.value !== null) return requireMyRoom(core, user, found.value);

  await requireUsers(core, [peer]);
  const both = new Set([user, peer]);
  for (const one of both) await requireSpace(core, one);
  const room = randomId();
  await core.logs.create(
    room,
    { ...newHead(core, "direct"), pair },
    (draft) => {
      draft.checks.push({ key: pairKey, version: null });
      announceRoom(core, draft);
      const role: Role = "member";
      for (const one of both) addMember(draft, one, role, user);
      draft.set(pairKey, room);
    },
  );
  // Whoever was first: the pair names the room.
  const { value } = await core.store.get<string>(pairKey);
  if (value === null) {
    throw new Refused("unavailable", "The room was not stored; try again.");
  }
  return requireMyRoom(core, user, value);
}

function newHead(core: Core, type: RoomType): Head {
  const now = core.clock.now();
  return {
    v: 1,
    commit: "",
    seq: 0,
    n: 0,
    at: now,
    lastMessage: 0,
    type,
    createdAt: now,
    memberCount: 0,
    owners: 0,
  };
}

/** A log begins with the room itself, at `seq` 1, before anybody is in it. */
function announceRoom(core: Core, draft: Draft): void {
  const { generation } = core.logs;
  draft.addEvent(() => ({
    type: "room.created",
    data: toRoom(draft.room, draft.head, generation),
  }));
}
