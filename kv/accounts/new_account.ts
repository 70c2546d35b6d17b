// A new account's rows: its names, which are claimed once for ever, its profile, and whatever comes with it.
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import type { Commit, Key, Mutation, Store } from "../store.ts";
import { foldAscii } from "./names.ts";
import {
  type LiveProfile,
  moveSearchNames,
  type NameRow,
  readProfile,
} from "./profiles.ts";
import { AGAIN, settle } from "./settle.ts";

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

/** Reads names as they are stored. */
export function namesIn(store: Store) {
  return async (key: Key) => (await store.get<NameRow>(key)).value;
}

/** The rows of an account, to be stored while the names it claimed are free. */
export function writeAccount(
  profile: LiveProfile,
  names: readonly Key[],
  rows: readonly Mutation[],
): Commit {
  const owned: NameRow = { v: 1, user: profile.id };
  return {
    checks: names.map((key) => ({ key, version: null })),
    mutations: [
      ...names.map((key) => ({ key, value: owned })),
      { key: keys.profile(profile.id), value: profile },
      ...moveSearchNames(null, profile),
      ...rows,
    ],
  };
}

/**
 * Stores an account, once however often it is asked for. Throws `username_taken` or `email_taken`, and `conflict` where
 * somebody else has or had the id: one that is derived from a request comes again with a later one under the same key.
 */
export async function storeAccount(
  { store, clock }: Pick<Core, "store" | "clock">,
  profile: LiveProfile,
  rows: readonly Mutation[],
): Promise<void> {
  await settle(clock, async () => {
    const names = await claimNames(namesIn(store), profile);
    if (names === "ours") return true;
    const { key, value, version } = await readProfile(store, profile.id);
    if (value) {
      throw new Refused(
        "conflict",
        "This Idempotency-Key made another user before.",
      );
    }
    const account = writeAccount(profile, names, rows);
    const checks = [...account.checks, { key, version }];
    const outcome = await store.commit({ ...account, checks });
    return outcome.kind === "stored" ? true : AGAIN;
  });
}
