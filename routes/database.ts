// Which database a server opens, by its settings and by where it runs.
import { dirname } from "node:path";
import type { Clock } from "../kv/clock.ts";
import { isUrl } from "../kv/setting_forms.ts";
import { SettingsError } from "../kv/settings.ts";
import { openStore, type Store } from "../kv/store.ts";
import { isOnDeploy, type Transport } from "./listen.ts";

const NO_DATABASE =
  "No database is attached: assign a Deno KV database to the app in Deno Deploy's console.";
const KV_ON_DEPLOY =
  "KV is set: leave it unset, for on Deno Deploy the database is the one that is assigned to the app.";

/**
 * The database that `KV` names; on Deno Deploy the one that is attached.
 *
 * @throws SettingsError where there is none that fits
 */
export async function openDatabase(
  path: string,
  transport: Transport,
  clock: Clock,
): Promise<Store> {
  if (isOnDeploy()) return await openAttached(clock);
  if (transport === "hosted" && path === ":memory:") {
    throw new SettingsError(["KV is :memory:, which isolates can't share."]);
  }
  if (path.startsWith("data/")) {
    await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  }
  return await openStore(path, clock);
}

/** Whether `KV` names a file, which only the isolates of this process write to as long as it serves. */
export function isFile(path: string): boolean {
  return !isOnDeploy() && !isUrl(path) && path !== ":memory:";
}

/** Opens the database that Deno Deploy attaches. Without one, Deno would open one in memory and say nothing. */
async function openAttached(clock: Clock): Promise<Store> {
  const [own, path, prefix = ""] = [
    "KV",
    "DENO_KV_DEFAULT_PATH",
    "DENO_KV_PATH_PREFIX",
  ]
    .map((name) => Deno.env.get(name));
  if (own) throw new SettingsError([KV_ON_DEPLOY]);
  if (!path || !isUrl(prefix + path)) throw new SettingsError([NO_DATABASE]);
  return await openStore(undefined, clock);
}
