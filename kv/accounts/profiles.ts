// Profiles: who a user is to others, and the public shapes made of it. Passwords live in a row of their own.
import type * as z from "zod";
import { toTimestamp } from "../clock.ts";
import { Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import type {
  liveUser,
  me,
  profileCard,
  ServiceRole,
  user,
} from "../shapes.ts";
import type { Principal } from "../principal.ts";
import { whyOutOfScope } from "../scopes.ts";
import type { Mutation, Row, Store } from "../store.ts";
import { foldAscii, foldName } from "./names.ts";

export interface LiveProfile {
  readonly v: 1;
  readonly id: string;
  /** As typed at registration; unique without regard to case. */
  readonly username: string;
  readonly displayName: string;
  /** Folded. */
  readonly email?: string;
  readonly about?: string;
  readonly avatar?: string;
  readonly createdAt: number;
  /** What the user may do in the service; absent is an ordinary one. */
  readonly role?: Exclude<ServiceRole, "user">;
  /** The account of a service: nobody signs in to it, service keys act as it. */
  readonly service?: true;
  /** Who made the account, where it was not the user. */
  readonly createdBy?: string;
  /** Since when the user is kept out; absent where they are not. */
  readonly suspendedAt?: number;
}

/** What is left of a deleted user. */
export interface Tombstone {
  readonly v: 1;
  readonly id: string;
  readonly deleted: true;
}

export type Profile = LiveProfile | Tombstone;

/** The row of a username or an e-mail address. */
export interface NameRow {
  readonly v: 1;
  readonly user: string;
}

/** Under each name a user can be found by. The username is there to tell which of the two it is. */
export interface SearchRow {
  readonly v: 1;
  /** Folded. */
  readonly username: string;
}

export function isDeleted(profile: Profile): profile is Tombstone {
  return "deleted" in profile;
}

export function isSuspended(
  profile: Pick<LiveProfile, "suspendedAt">,
): boolean {
  return profile.suspendedAt !== undefined;
}

/**
 * Throws `forbidden` for a suspended user. To be asked only for whoever proved to be that user, or may know it anyway:
 * nobody else is told.
 */
export function requireUnsuspended(
  profile: Pick<LiveProfile, "suspendedAt">,
): void {
  if (isSuspended(profile)) {
    throw new Refused("forbidden", "This account is suspended.");
  }
}

/** The user as anybody may see it: field by field, so that a new field of the record is never shown by accident. */
export function toUser(profile: LiveProfile): z.infer<typeof liveUser>;
export function toUser(profile: Profile): z.infer<typeof user>;
export function toUser(profile: Profile): z.infer<typeof user> {
  if (isDeleted(profile)) return { id: profile.id, deleted: true };
  return {
    id: profile.id,
    username: profile.username,
    displayName: profile.displayName,
    ...(profile.avatar === undefined ? {} : { avatar: profile.avatar }),
    ...(profile.about === undefined ? {} : { about: profile.about }),
    createdAt: toTimestamp(profile.createdAt),
  };
}

/** The user as only it sees itself. */
export function toMe(profile: LiveProfile): z.infer<typeof me> {
  return {
    ...toUser(profile),
    ...(profile.email === undefined ? {} : { email: profile.email }),
    role: profile.role ?? "user",
  };
}

/** The same as whoever asks for the user sees it: a service key that may read no profiles sees no e-mail address. */
export function toMeFor(
  who: Principal,
  profile: LiveProfile,
): z.infer<typeof me> {
  if (whyOutOfScope(who, "users") === null) return toMe(profile);
  const { email: _, ...rest } = profile;
  return toMe(rest);
}

/** The user in a list: a page of them fits into one response. */
export function toListedUser(profile: Profile): z.infer<typeof user> {
  const { about: _, ...listed } = { about: undefined, ...toUser(profile) };
  return listed;
}

/** What a list of members shows of a user. */
export function toCard(profile: Profile): z.infer<typeof profileCard> {
  if (isDeleted(profile)) return { id: profile.id, deleted: true };
  return {
    id: profile.id,
    username: profile.username,
    displayName: profile.displayName,
    ...(profile.avatar === undefined ? {} : { avatar: profile.avatar }),
  };
}

export function readProfile(store: Store, id: string): Promise<Row<Profile>> {
  return store.get<Profile>(keys.profile(id));
}

/** Whose username it is, in whatever case; a tombstone where the user is deleted, null where it is free. */
export async function getByUsername(
  store: Store,
  username: string,
): Promise<Profile | null> {
  const name = await store.get<NameRow>(keys.username(foldAscii(username)));
  return name.value && (await readProfile(store, name.value.user)).value;
}

/** The profiles of those ids that are users or were; in the order of `ids`, each once. */
export async function readUsers(
  { store }: { readonly store: Store },
  ids: Iterable<string>,
): Promise<Map<string, Profile>> {
  const wanted = [...new Set(ids)];
  const rows = await store.getMany<Profile>(wanted.map(keys.profile));
  const found = new Map<string, Profile>();
  for (const { value } of rows) if (value) found.set(value.id, value);
  return found;
}

/** @throws Refused `not_found` where one of them does not exist or is deleted */
export async function requireUsers(
  core: { readonly store: Store },
  users: readonly string[],
): Promise<void> {
  const found = await readUsers(core, users);
  for (const user of users) {
    const profile = found.get(user);
    if (profile === undefined || isDeleted(profile)) {
      throw new Refused(
        "not_found",
        "There is no user with that id; a username is not an id.",
      );
    }
  }
}

/** A user that rows refer to: users are never taken away, only deleted. */
export function requireProfile(
  users: ReadonlyMap<string, Profile>,
  id: string,
): Profile {
  return users.get(id) ?? { v: 1, id, deleted: true };
}

/** Moves a user's search rows from what `before` was called to what `after` is; null where there is none. */
export function moveSearchNames(
  before: LiveProfile | null,
  after: LiveProfile | null,
): Mutation[] {
  const old = before ? searchNames(before) : [];
  const now = after ? searchNames(after) : [];
  const mutations: Mutation[] = [];
  for (const name of old) {
    if (before && !now.includes(name)) {
      mutations.push({ key: keys.searchName(name, before.id), delete: true });
    }
  }
  for (const name of now) {
    if (after && !old.includes(name)) {
      const row: SearchRow = { v: 1, username: foldAscii(after.username) };
      mutations.push({ key: keys.searchName(name, after.id), value: row });
    }
  }
  return mutations;
}

function searchNames(profile: LiveProfile): string[] {
  const names = [foldAscii(profile.username), foldName(profile.displayName)];
  return [...new Set(names)];
}
