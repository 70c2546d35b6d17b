// What a service key may ask for: a few scopes, of which every operation names the one it takes, or none.
import * as z from "zod";
import { Refused } from "./errors.ts";

/** Each scope, and what it lets a key do. */
export const SCOPES = {
  users: "create and find users, read and change profiles",
  rooms:
    "create, read, change and leave rooms (each read with its last message), manage their members and invites",
  messages: "send, read, change and delete messages, mark them as read",
  sessions: "sign users in",
  act: "act for a user, by Kvorum-User",
} as const;

export type Scope = keyof typeof SCOPES;

export const scope = z.enum(Object.keys(SCOPES) as [Scope, ...Scope[]]).meta({
  id: "Scope",
  description: Object.entries(SCOPES)
    .map(([name, allows]) => `\`${name}\`: ${allows}.`).join(" "),
});

/** Whoever asks, with a key or without one. */
interface Asking {
  readonly key?: { readonly scopes: readonly Scope[] };
}

/** Why a key may not do what takes this scope; null where it may, and for whoever asks without a key. */
export function whyOutOfScope(
  { key }: Asking,
  scope: Scope | undefined,
): Refused | null {
  if (key === undefined) return null;
  if (scope === undefined) {
    return new Refused("forbidden", "A service key may not do this.");
  }
  return key.scopes.includes(scope)
    ? null
    : new Refused("forbidden", `This service key lacks the scope ${scope}.`);
}

/** @throws Refused `forbidden` where a key lacks one of them */
export function requireScopes(who: Asking, ...scopes: readonly Scope[]): void {
  for (const scope of scopes) {
    const refused = whyOutOfScope(who, scope);
    if (refused) throw refused;
  }
}
