// The members of a room: who they are, adding and removing them, their roles.
import * as z from "zod";
import { requireUsers } from "../accounts/profiles.ts";
import { parseKeyCursor, toKeyCursor } from "../cursor.ts";
import { notFound, Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import type { Draft } from "../log/draft.ts";
import type { Member } from "../log/event.ts";
import { userOperation } from "../operation.ts";
import { countFitting } from "../page.ts";
import { isAbove } from "../policy.ts";
import {
  id,
  listOf,
  member,
  nothing,
  page,
  type Role,
  role,
  seq,
} from "../shapes.ts";
import { readAllowed, requireAccess, requireActor } from "./access.ts";
import {
  addMember,
  changeRole,
  removeMember,
  requireSpace,
} from "./membership.ts";
import { passOn } from "./join.ts";
import { presentMember, presentMembers } from "./present.ts";

export const listMembers = userOperation({
  name: "member.list",
  summary: "The members of a room",
  scope: "rooms",
  input: z.object({ room: id, ...page }),
  output: listOf(member).extend({ asOf: seq }),
  run(core, { room, limit = LIMITS.pageItems, cursor }, { user }) {
    return readAllowed(core, "member.list", room, user, async ({ head }) => {
      const prefix = keys.members(room);
      const rows = await core.store.list<Member>(prefix, {
        ...(cursor === undefined
          ? {}
          : { start: parseKeyCursor(prefix, cursor) }),
        limit: limit + 1,
      });
      const members = await presentMembers(
        core,
        rows.slice(0, limit).map((row) => ({
          user: String(row.key.at(-1)),
          member: row.value,
        })),
      );
      const fitting = countFitting(members);
      return {
        items: members.slice(0, fitting),
        nextCursor: toKeyCursor(prefix, rows[fitting]?.key),
        asOf: head.seq,
      };
    });
  },
});

export const addToRoom = userOperation({
  name: "member.add",
  summary: "Add somebody to a room; nothing changes for who is in it already",
  scope: "rooms",
  input: z.object({ room: id, userId: id, role: role.optional() }),
  output: member,
  async run(core, { room, userId, role = "member" }, { user }) {
    await requireAccess(core, "member.add", room, user);
    await requireUsers(core, [userId]);
    await requireSpace(core, userId);
    const added = await core.logs.change(room, async (draft) => {
      await draft.meet(user);
      await draft.meetSender(userId);
      const actor = requireActor(draft, "member.add", user)!;
      requireGrantable(actor.role, role);
      return draft.member(userId) ?? addMember(draft, userId, role, user);
    });
    return await presentMember(core, userId, added);
  },
});

export const changeMember = userOperation({
  name: "member.update",
  summary: "Change a member's role",
  scope: "rooms",
  input: z.object({ room: id, userId: id, role }),
  output: member,
  async run(core, { room, userId, role }, { user }) {
    const changed = await core.logs.change(room, async (draft) => {
      const { actor, target } = await meetBoth(
        draft,
        "member.change",
        user,
        userId,
      );
      if (target.role === role) return target;
      requireGrantable(actor.role, role);
      if (user !== userId) requireAbove(actor.role, target.role);
      if (target.role === "owner" && draft.head.owners === 1) {
        throw new Refused(
          "last_owner",
          "Make somebody else an owner first.",
        );
      }
      return changeRole(draft, userId, target, role, user);
    });
    return await presentMember(core, userId, changed);
  },
});

export const removeFromRoom = userOperation({
  name: "member.remove",
  summary: "Remove somebody from a room",
  scope: "rooms",
  input: z.object({ room: id, userId: id }),
  output: nothing,
  run(core, { room, userId }, { user }) {
    return core.logs.change(room, async (draft) => {
      const { actor, target } = await meetBoth(
        draft,
        user === userId ? "room.leave" : "member.remove",
        user,
        userId,
      );
      if (user !== userId) requireAbove(actor.role, target.role);
      await passOn(draft, userId, target);
      removeMember(draft, userId, target, user);
      return {};
    });
  },
});

async function meetBoth(
  draft: Draft,
  action: "member.change" | "member.remove" | "room.leave",
  user: string,
  userId: string,
): Promise<{ actor: Member; target: Member }> {
  await draft.meet(user);
  await draft.meet(userId);
  const actor = requireActor(draft, action, user)!;
  const target = draft.member(userId);
  if (target === null) throw notFound("member");
  return { actor, target };
}

function requireAbove(role: Role, other: Role): void {
  if (isAbove(role, other)) return;
  throw new Refused(
    "forbidden",
    `That member's role (${other}) is not below yours.`,
  );
}

function requireGrantable(role: Role, granted: Role): void {
  if (role === granted || isAbove(role, granted)) return;
  throw new Refused("forbidden", "Nobody can give a role above their own.");
}
