// What becoming a user takes and makes: a form, a profile, a password, a first session.
import * as z from "zod";
import type { Core } from "../core.ts";
import { randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import type { Caller } from "../principal.ts";
import { displayName, email, newPassword, username } from "../shapes.ts";
import type { Mutation } from "../store.ts";
import { foldAscii } from "./names.ts";
import type { PasswordRecord } from "./passwords.ts";
import type { LiveProfile } from "./profiles.ts";
import {
  lastStarted,
  newSession,
  type Session,
  writeSession,
} from "./sessions.ts";

export const registration = z.object({
  username,
  password: newPassword,
  displayName: displayName.optional(),
  email: email.optional(),
});
type Registration = z.output<typeof registration>;

/** Somebody who is to be a user: all that is written, made before the first try. */
export interface Newcomer {
  readonly profile: LiveProfile;
  readonly password: PasswordRecord;
  readonly session: Session;
}

export function newProfile(core: Core, form: Registration): LiveProfile {
  return {
    v: 1,
    id: randomId(),
    username: form.username,
    displayName: form.displayName ?? form.username,
    ...(form.email === undefined ? {} : { email: foldAscii(form.email) }),
    createdAt: core.clock.now(),
  };
}

/** Costs a password's hash. */
export async function newNewcomer(
  core: Core,
  profile: LiveProfile,
  password: string,
  caller: Caller,
): Promise<Newcomer> {
  return {
    profile,
    password: await core.accounts.passwords.hash(password),
    session: newSession(core, profile.id, caller),
  };
}

/** What a newcomer's account is stored with. */
export function newcomerRows(
  core: Core,
  { profile, password, session }: Newcomer,
): Mutation[] {
  return [
    { key: keys.password(profile.id), value: password },
    ...writeSession(core.clock, session),
    lastStarted(profile.id, session.id),
  ];
}
