// A new service key, and the account of its service: the one of that name, or a new one.
import * as z from "zod";
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import { scope } from "../scopes.ts";
import { username } from "../shapes.ts";
import { storeAccount } from "./new_account.ts";
import { getByUsername, isDeleted, type LiveProfile } from "./profiles.ts";
import { newServiceKey, type ServiceKey } from "./service_keys.ts";
import { AGAIN, settle } from "./settle.ts";

/** What a key is made of. */
export const keyForm = z.object({
  name: username.describe(
    "The username of the account it acts as, made where there is none; several keys may share one",
  ),
  scopes: z.array(scope).min(1).max(scope.options.length),
  expiresInSeconds: z.int().min(1).max(LIMITS.keySeconds).optional(),
});

/** Throws `username_taken` where the name is a person's. */
export async function makeKey(
  core: Pick<Core, "store" | "clock">,
  { name, scopes, expiresInSeconds }: z.infer<typeof keyForm>,
  createdBy: string | null,
): Promise<{ readonly key: string; readonly made: ServiceKey }> {
  const account = await requireAccount(core, name);
  const { key, id, hash } = newServiceKey();
  const createdAt = core.clock.now();
  const made: ServiceKey = {
    v: 1,
    id,
    name: account.username,
    account: account.id,
    hash,
    scopes: [...new Set(scopes)],
    createdAt,
    ...(createdBy === null ? {} : { createdBy }),
    ...(expiresInSeconds === undefined
      ? {}
      : { expiresAt: createdAt + expiresInSeconds * 1000 }),
  };
  await settle(core.clock, async () => {
    const outcome = await core.store.commit({
      checks: [{ key: keys.serviceKey(id), version: null }],
      mutations: [{ key: keys.serviceKey(id), value: made }],
    });
    // Nobody else can have made this key: lost means that an earlier try was stored.
    return outcome.kind === "unknown" ? AGAIN : true;
  });
  return { key, made };
}

/** The service's account of this name, made where there is none: without a password, so nobody signs in to it. */
async function requireAccount(
  core: Pick<Core, "store" | "clock">,
  name: string,
): Promise<LiveProfile> {
  const existing = await findAccount(core, name);
  if (existing) return existing;
  const profile: LiveProfile = {
    v: 1,
    id: randomId(),
    username: name,
    displayName: name,
    service: true,
    createdAt: core.clock.now(),
  };
  try {
    await storeAccount(core, profile, []);
    return profile;
  } catch (refused) {
    // Somebody was quicker: with a key of this very service, perhaps.
    const made = await findAccount(core, name);
    if (made) return made;
    throw refused;
  }
}

/** Null where the name is nobody's. Throws `username_taken` where it is a person's. */
async function findAccount(
  { store }: Pick<Core, "store">,
  name: string,
): Promise<LiveProfile | null> {
  const existing = await getByUsername(store, name);
  if (!existing || !isDeleted(existing) && existing.service) return existing;
  throw new Refused("username_taken", "This username is a person's.");
}
