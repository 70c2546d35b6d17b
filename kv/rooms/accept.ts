// Coming into a room by an invite: the membership and the use that is taken are one commit.
import * as z from "zod";
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import type { Draft } from "../log/draft.ts";
import { userOperation } from "../operation.ts";
import { inviteCode, myRoom } from "../shapes.ts";
import { takeUse } from "./invite.ts";
import { addMember, type Membership, requireSpace } from "./membership.ts";
import { requireMyRoom } from "./mine.ts";

export const acceptInvite = userOperation({
  name: "invite.accept",
  summary:
    "Come into a room by an invite; takes no use of it from who is in the room already",
  scope: "rooms",
  input: z.object({ code: inviteCode }),
  output: myRoom,
  refusals: ["gone"],
  async run(core, { code }, { user }) {
    const room = await requireInvitedRoom(core, code);
    const inside = await core.store.get<Membership>(
      keys.membership(user, room),
    );
    // A repeat is answered whatever the user has joined since.
    if (inside.value === null) await requireSpace(core, user);
    await core.logs.change(room, async (draft) => {
      await draft.meetSender(user);
      await letIn(draft, code, user, core.clock.now());
    });
    return requireMyRoom(core, user, room);
  },
});

/** @throws Refused `not_found` for a code that no invite has */
export async function requireInvitedRoom(
  { store }: Core,
  code: string,
): Promise<string> {
  const { value } = await store.get<string>(keys.invited(code));
  if (value === null) {
    throw new Refused("not_found", "There is no such invite.");
  }
  return value;
}

/**
 * Adds a user, who must have been met as a sender, by an invite. Nothing changes for who is in already: that may be
 * somebody who did not hear the answer.
 * @throws Refused `gone` where the invite lets nobody in any more
 */
export async function letIn(
  draft: Draft,
  code: string,
  user: string,
  now: number,
): Promise<void> {
  if (draft.member(user) !== null) return;
  const { role } = await takeUse(draft, code, now);
  addMember(draft, user, role, user);
}
