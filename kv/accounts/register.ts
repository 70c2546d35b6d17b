// Becoming a user.
import * as z from "zod";
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import { publicOperation } from "../operation.ts";
import { displayName, email, newPassword, username } from "../shapes.ts";
import { foldAscii } from "./names.ts";
import { type LiveProfile, moveSearchNames } from "./profiles.ts";
import { lastStarted, newSession, writeSession } from "./sessions.ts";
import { AGAIN, settle } from "./settle.ts";
import { signedIn, signIn } from "./sign_in.ts";

/** The row of a username or an e-mail address. */
export interface NameRow {
  readonly v: 1;
  readonly user: string;
}

export const register = publicOperation({
  name: "account.register",
  summary: "Become a user and sign in",
  input: z.object({
    username,
    password: newPassword,
    displayName: displayName.optional(),
    email: email.optional(),
  }),
  output: signedIn,
  async run(core, input, caller) {
    const profile: LiveProfile = {
      v: 1,
      id: randomId(),
      username: input.username,
      displayName: input.displayName ?? input.username,
      ...(input.email === undefined ? {} : { email: foldAscii(input.email) }),
      createdAt: core.clock.now(),
    };
    // Before the costly hash: that a name is taken is no secret here.
    await claimNames(core, profile);
    const password = await core.accounts.passwords.hash(input.password);
    const session = newSession(core, profile.id, caller);

    await settle(core.clock, async () => {
      const names = await claimNames(core, profile);
      if (names === "ours") return true;
      const outcome = await core.store.commit({
        checks: names.map((key) => ({ key, version: null })),
        mutations: [
          ...names.map((key) => ({ key, value: ownedBy(profile.id) })),
          { key: keys.profile(profile.id), value: profile },
          { key: keys.password(profile.id), value: password },
          ...moveSearchNames(null, profile),
          ...writeSession(core.clock, session),
          lastStarted(profile.id, session.id),
        ],
      });
      return outcome.kind === "stored" ? true : AGAIN;
    });
    return await signIn(core, profile, session);
  },
});

/**
 * The keys of the names this user wants, all free; or "ours", when an earlier try was stored after all.
 * Throws `username_taken` or `email_taken`.
 */
async function claimNames(core: Core, profile: LiveProfile) {
  const names = [keys.username(foldAscii(profile.username))];
  if (profile.email !== undefined) names.push(keys.email(profile.email));
  const [name, mail] = await core.store.getMany<NameRow>(names);
  if (name?.value?.user === profile.id) return "ours";
  if (name?.value) {
    throw new Refused("username_taken", "This username is taken.");
  }
  if (mail?.value) {
    throw new Refused("email_taken", "This e-mail address is taken.");
  }
  return names;
}

function ownedBy(user: string): NameRow {
  return { v: 1, user };
}
