// What becoming a user writes: names that nobody else has, a profile, a password, a first session.
import * as z from "zod";
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import type { Caller } from "../principal.ts";
import { displayName, email, newPassword, username } from "../shapes.ts";
import type { Commit, Key } from "../store.ts";
import { foldAscii } from "./names.ts";
import type { PasswordRecord } from "./passwords.ts";
import { type LiveProfile, moveSearchNames } from "./profiles.ts";
import {
  lastStarted,
  newSession,
  type Session,
  writeSession,
} from "./sessions.ts";

/** The row of a username or an e-mail address. */
export interface NameRow {
  readonly v: 1;
  readonly user: string;
}

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

/**
 * The keys of the names this user wants, all free; or "ours", when an earlier try was stored after all.
 * Throws `username_taken` or `email_taken`.
 *
 * @param read answers a row as it is, or as a draft leaves it
 */
export async function claimNames(
  read: (key: Key) => Promise<NameRow | null>,
  { id, username, email }: LiveProfile,
): Promise<readonly Key[] | "ours"> {
  const names = [keys.username(foldAscii(username))];
  if (email !== undefined) names.push(keys.email(email));
  const [name, mail] = await Promise.all(names.map(read));
  if (name?.user === id) return "ours";
  if (name) throw new Refused("username_taken", "This username is taken.");
  if (mail) throw new Refused("email_taken", "This e-mail address is taken.");
  return names;
}

/** The user's rows, to be stored while the names they claimed are free. */
export function writeNewcomer(
  core: Core,
  names: readonly Key[],
  { profile, password, session }: Newcomer,
): Commit {
  const owned: NameRow = { v: 1, user: profile.id };
  return {
    checks: names.map((key) => ({ key, version: null })),
    mutations: [
      ...names.map((key) => ({ key, value: owned })),
      { key: keys.profile(profile.id), value: profile },
      { key: keys.password(profile.id), value: password },
      ...moveSearchNames(null, profile),
      ...writeSession(core.clock, session),
      lastStarted(profile.id, session.id),
    ],
  };
}
