// Becoming a user, by an invite or without: with one, account and membership are one commit.
import {
  claimNames,
  namesIn,
  storeAccount,
  writeAccount,
} from "../accounts/new_account.ts";
import {
  type Newcomer,
  newcomerRows,
  newNewcomer,
  newProfile,
  registration,
} from "../accounts/register.ts";
import { signedIn, signIn } from "../accounts/sign_in.ts";
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { publicOperation } from "../operation.ts";
import { inviteCode } from "../shapes.ts";
import { letIn, requireInvitedRoom } from "./accept.ts";
import { requireGoodInvite } from "./invite.ts";

export const register = publicOperation({
  name: "account.register",
  summary: "Become a user and sign in; with an invite, a member of its room",
  input: registration.extend({
    invite: inviteCode.optional().describe(
      "An invite's code, which takes one of its uses",
    ),
  }),
  output: signedIn,
  refusals: ["forbidden", "not_found", "gone"],
  async run(core, { invite, ...form }, caller) {
    requireSignup(core, invite);
    const room = invite === undefined
      ? null
      : { id: await requireInvitedRoom(core, invite), invite };
    const profile = newProfile(core, form);
    // That a name is taken is no secret here. It is told before a used-up invite is, because both are true of
    // whoever registered and never heard the answer: they may log in.
    await claimNames(namesIn(core.store), profile);
    if (room !== null) {
      await core.logs.change(
        room.id,
        (draft) => requireGoodInvite(draft, room.invite, core.clock.now()),
      );
    }
    const newcomer = await newNewcomer(core, profile, form.password, caller);
    if (room === null) {
      await storeAccount(core, profile, newcomerRows(core, newcomer));
    } else await storeInvited(core, newcomer, room.id, room.invite);
    return await signIn(core, profile, newcomer.session);
  },
});

/** @throws Refused `forbidden` where nobody may register, or not without an invite */
function requireSignup(
  { accounts: { signup } }: Core,
  invite: string | undefined,
): void {
  if (signup === "closed") {
    throw new Refused("forbidden", "Nobody can register here themselves.");
  }
  if (signup === "invite" && invite === undefined) {
    throw new Refused(
      "forbidden",
      "Registering here takes an invite: ask somebody who is here for one.",
    );
  }
}

/** The account in the commit of the joining: neither is there without the other, and one use is taken for both. */
function storeInvited(
  core: Core,
  newcomer: Newcomer,
  room: string,
  invite: string,
): Promise<void> {
  const { profile } = newcomer;
  return core.logs.change(room, async (draft) => {
    const names = await claimNames((key) => draft.read(key), profile);
    if (names === "ours") return;
    await draft.meetSender(profile.id);
    await letIn(draft, invite, profile.id, core.clock.now());
    const rows = newcomerRows(core, newcomer);
    const { checks, mutations } = writeAccount(profile, names, rows);
    draft.checks.push(...checks);
    for (const mutation of mutations) draft.add(mutation);
  });
}
