// Backing up an embedded database while a server uses it, and restoring it while none does.
import { dirname } from "node:path";
import { type Clock, systemClock } from "./clock.ts";
import {
  COMPANIONS,
  copyDatabase,
  FileRefused,
  openAlone,
  readGeneration,
} from "./database_file.ts";
import { randomId } from "./ids.ts";
import { keys } from "./keys.ts";
import { openStore, requireStored } from "./store.ts";

/**
 * Writes the database as it is at one moment to `file`, which appears when it is complete. Answers what was
 * done, for people. Throws {@link FileRefused}.
 */
export async function backUp(database: string, file = ""): Promise<string> {
  requireNamed(file);
  requireEmbedded(database);
  await requireFile(database);
  if (await sizeOf(file) !== null) {
    throw new FileRefused(`${file} exists: name another file, or remove it.`);
  }
  if (COMPANIONS.some((end) => file === database + end)) {
    throw new FileRefused(`${file} belongs to the database: name another.`);
  }
  await Deno.mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomId()}`;
  try {
    await copyDatabase(database, draft);
    await Deno.rename(draft, file);
    await settleNames(file);
  } catch (error) {
    await removeDraft(draft);
    throw error;
  }
  return `Backed up ${database} to ${file}, ${await sizeOf(file)} bytes.`;
}

/**
 * Puts what was backed up to `file` in the place of the database, which is kept beside it under another name, and
 * raises the store's generation. Answers what was done, for people. Throws {@link FileRefused}.
 */
export async function restore(
  database: string,
  file = "",
  clock: Clock = systemClock,
): Promise<string> {
  requireNamed(file);
  requireEmbedded(database);
  await requireFile(file);
  if (file === database) {
    throw new FileRefused(`${file} is the database itself: name a backup.`);
  }
  await Deno.mkdir(dirname(database), { recursive: true, mode: 0o700 });
  using present = await sizeOf(database) === null
    ? null
    : await openAlone(database);
  const draft = `${database}.${randomId()}`;
  try {
    await copyDatabase(file, draft);
    // The time as well, because where a database is lost, so is the generation that it had.
    const generation = Math.max(
      await generationOf(draft) + 1,
      present ? readGeneration(present) + 1 : 0,
      clock.now(),
    );
    await writeGeneration(draft, generation);
    const kept = await keep(database, clock);
    await Deno.rename(draft, database);
    await settleNames(database);
    return `Restored ${database} from ${file}, as generation ${generation}. ` +
      (kept ? `What was there is kept as ${kept}.` : "Nothing was there.");
  } catch (error) {
    await removeDraft(draft);
    throw error;
  }
}

function requireNamed(file: string): void {
  if (file === "") throw new FileRefused("Name a file under data/.");
}

function requireEmbedded(database: string): void {
  if (database === ":memory:") {
    throw new FileRefused("KV is :memory:, which ends with the server.");
  }
  if (!database.startsWith("data/")) {
    throw new FileRefused(
      "KV is a server of its own: use its own backups, see docs/backup.md.",
    );
  }
}

async function requireFile(path: string): Promise<void> {
  if (await sizeOf(path) === null) {
    throw new FileRefused(`There is no ${path}.`);
  }
}

/** In bytes; null where there is nothing. */
async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    if (error instanceof Deno.errors.NotCapable) {
      throw new FileRefused(`${path} does not lie under data/.`);
    }
    throw error;
  }
}

async function generationOf(path: string): Promise<number> {
  using database = await openAlone(path);
  return readGeneration(database);
}

async function writeGeneration(path: string, value: number): Promise<void> {
  const store = await openStore(path);
  try {
    requireStored(
      await store.commit({
        checks: [],
        mutations: [{ key: keys.generation(), value }],
      }),
    );
  } finally {
    store.close();
  }
  // Waits until the store has let go of it, and leaves one file.
  (await openAlone(path)).close();
}

/** Gives the database a second name, so that it is at its place until the other one is; null where there is none. */
async function keep(database: string, clock: Clock): Promise<string | null> {
  const now = new Date(clock.now()).toISOString().replace(/\W/g, "");
  const kept = `${database}.before-${now}`;
  if (await sizeOf(database) !== null) {
    await Deno.link(database, kept);
    return kept;
  }
  // Of a database that was moved away by hand; one that was opened alone has none.
  for (const end of COMPANIONS) {
    if (await sizeOf(database + end) !== null) {
      await Deno.rename(database + end, kept + end);
    }
  }
  return null;
}

/** Makes names given in a folder outlast a power cut. */
async function settleNames(path: string): Promise<void> {
  // Windows has nothing of the kind.
  if (Deno.build.os === "windows") return;
  using folder = await Deno.open(dirname(path));
  await folder.sync();
}

async function removeDraft(draft: string): Promise<void> {
  for (const path of [draft, ...COMPANIONS.map((end) => draft + end)]) {
    if (await sizeOf(path) !== null) await Deno.remove(path);
  }
}
