// The embedded database as what it is on disk, a SQLite file: looked at and copied past Deno KV, for backups.
// By its name as a whole: some Denos that servers run on have no `backup`, and would not even load the module.
import * as sqlite from "node:sqlite";
import { decodeValue } from "./values.ts";

/** Why a file was not backed up or not restored: one line for whoever asked. Nothing was changed. */
export class FileRefused extends Error {
  constructor(line: string) {
    super(line);
    this.name = "FileRefused";
  }
}

/** What SQLite keeps beside a database while it is in use. Left beside another one they would be taken for its own. */
export const COMPANIONS = ["-wal", "-shm", "-journal"] as const;

/** How long a lock is waited for that somebody holds in passing. */
const PASSING_MS = 2_000;
const ALL_PAGES = 2 ** 31 - 1;
/** `keys.generation()` as Deno KV encodes it: a text part is 2, the text, 0. */
const GENERATION_KEY = new TextEncoder().encode("\x02generation\x00");

/** SQLite's result codes, those that are told apart. */
const BUSY = 5;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

/**
 * Copies a database to `to`, which may not exist yet, as it is at one moment, whoever writes to it meanwhile: a
 * reader of a write-ahead log neither waits for writers nor makes them wait. The copy is one file, on disk, and
 * readable by its owner only. Throws {@link FileRefused} where `from` is no sound database of a server.
 */
export async function copyDatabase(from: string, to: string): Promise<void> {
  if (typeof sqlite.backup !== "function") {
    throw new FileRefused("This Deno can't copy databases: use a newer one.");
  }
  await Deno.writeFile(to, new Uint8Array(), { createNew: true, mode: 0o600 });
  await refusing(from, async () => {
    using source = open(from, { readOnly: true });
    requireTables(source, from);
    // All in one step: SQLite begins anew whenever somebody has written between two.
    await sqlite.backup(source, to, { rate: ALL_PAGES });
    using copy = open(to);
    requireSound(copy, from);
    ask(copy, "PRAGMA journal_mode = DELETE");
  });
}

/**
 * Opens a database so that nobody else can, and with all that was written to it in the one file. Throws
 * {@link FileRefused} where a server has it open, or where it is no sound database of a server.
 */
export function openAlone(path: string): Promise<sqlite.DatabaseSync> {
  return refusing(path, () => {
    const database = open(path);
    try {
      // A write-ahead log is given up only by its last user.
      ask(database, "PRAGMA journal_mode = DELETE");
      ask(database, "BEGIN EXCLUSIVE");
      requireTables(database, path);
      return Promise.resolve(database);
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** The store's generation: 0 until a backup was restored. */
export function readGeneration(database: sqlite.DatabaseSync): number {
  const row = database.prepare("SELECT v FROM kv WHERE k = ?")
    .get(GENERATION_KEY);
  return row === undefined ? 0 : Number(decodeValue(row.v));
}

function open(path: string, options: { readOnly?: boolean } = {}) {
  return new sqlite.DatabaseSync(path, { timeout: PASSING_MS, ...options });
}

// `exec` would do as well, but does not say SQLite's code of an error.
function ask(database: sqlite.DatabaseSync, sql: string) {
  return database.prepare(sql).get();
}

function requireTables(database: sqlite.DatabaseSync, path: string): void {
  const answer = ask(
    database,
    "SELECT count(*) AS found FROM sqlite_schema WHERE name IN ('kv', 'data_version')",
  );
  if (answer?.found !== 2) {
    throw new FileRefused(`${path} is no database of a server.`);
  }
}

function requireSound(database: sqlite.DatabaseSync, path: string): void {
  const answer = ask(database, "PRAGMA integrity_check(1)");
  if (answer?.integrity_check !== "ok") throw damaged(path);
}

async function refusing<T>(
  path: string,
  attempt: () => Promise<T>,
): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    const code = error instanceof Error && "errcode" in error
      ? error.errcode
      : null;
    if (code === BUSY) {
      throw new FileRefused(`A server has ${path} open: stop it first.`);
    }
    if (code === CORRUPT || code === NOT_A_DATABASE) throw damaged(path);
    throw error;
  }
}

function damaged(path: string): FileRefused {
  return new FileRefused(`${path} is damaged, or no database at all.`);
}
