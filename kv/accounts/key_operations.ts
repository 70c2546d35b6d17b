// Making, listing and revoking service keys, as an admin asks for it. Only admins and the task do: no key can make another one.
import * as z from "zod";
import { toTimestamp } from "../clock.ts";
import { parseKeyCursor, toKeyCursor } from "../cursor.ts";
import { notFound } from "../errors.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import { userOperation } from "../operation.ts";
import { scope } from "../scopes.ts";
import { id, listOf, nothing, page, timestamp } from "../shapes.ts";
import { requireAdmin } from "./admins.ts";
import { keyForm, makeKey } from "./new_key.ts";
import type { ServiceKey } from "./service_keys.ts";
import { AGAIN, settle } from "./settle.ts";

const shape = z.object({
  id,
  name: z.string(),
  account: id.describe("The user that it acts as"),
  scopes: z.array(scope),
  createdAt: timestamp,
  createdBy: id.optional().describe("Absent where the task `key` made it"),
  expiresAt: timestamp.optional(),
  usedAt: timestamp.optional().describe("To within an hour"),
}).meta({ id: "ServiceKey" });

export const createKey = userOperation({
  name: "key.create",
  summary: "Make a service key, which is shown this once",
  secret: true,
  input: keyForm,
  output: shape.extend({ key: z.string() }).meta({ id: "NewServiceKey" }),
  async run(core, form, principal) {
    await requireAdmin(core, principal);
    const { key, made } = await makeKey(core, form, principal.user);
    return { ...toShape(made), key };
  },
});

export const listKeys = userOperation({
  name: "key.list",
  summary: "List the service keys, without their secrets",
  input: z.object(page),
  output: listOf(shape),
  async run(core, { limit = LIMITS.pageItems, cursor }, principal) {
    await requireAdmin(core, principal);
    const prefix = keys.serviceKeys();
    const rows = await core.store.list<ServiceKey>(prefix, {
      ...(cursor === undefined
        ? {}
        : { start: parseKeyCursor(prefix, cursor) }),
      limit: limit + 1,
    });
    return {
      items: rows.slice(0, limit).map(({ value }) => toShape(value)),
      nextCursor: toKeyCursor(prefix, rows[limit]?.key),
    };
  },
});

export const revokeKey = userOperation({
  name: "key.delete",
  summary: "Revoke a service key and close its sockets; its account stays",
  input: z.object({ key: id }),
  output: nothing,
  async run(core, { key }, principal) {
    await requireAdmin(core, principal);
    const { store, clock, feed, accounts } = core;
    const row = await store.get<ServiceKey>(keys.serviceKey(key));
    if (!row.value) throw notFound("key");
    // Nothing is checked: whoever writes this row checks it, so what is deleted stays deleted.
    await settle(clock, async () => {
      const outcome = await feed.commit(
        { checks: [], mutations: [{ key: row.key, delete: true }] },
        [{ user: key, what: "session", session: key }],
      );
      return outcome.kind === "stored" ? true : AGAIN;
    });
    accounts.serviceKeys.forget(key);
    return {};
  },
});

/** Field by field: the hash stays inside. */
function toShape(key: ServiceKey): z.infer<typeof shape> {
  const { createdBy, expiresAt, usedAt } = key;
  return {
    id: key.id,
    name: key.name,
    account: key.account,
    scopes: [...key.scopes],
    createdAt: toTimestamp(key.createdAt),
    ...(createdBy === undefined ? {} : { createdBy }),
    ...(expiresAt === undefined ? {} : { expiresAt: toTimestamp(expiresAt) }),
    ...(usedAt === undefined ? {} : { usedAt: toTimestamp(usedAt) }),
  };
}
