// Seeded databases: made once, kept under .cache/ as long as they fit, and copied for each run.
import { createHash } from "node:crypto";
import type { Layout, Seeded } from "./layout.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const CACHE = ".cache/bench";
/** Whatever may change what a seeded database looks like. */
const SOURCES = ["kv", "bench/seed.ts", "bench/layout.ts"];
/** A database is not used in the last day of its tokens' lives. */
const MARGIN_MS = 24 * 60 * 60 * 1000;

export interface Database {
  readonly seeded: Seeded;
  /** A fresh folder with a copy of the database where a server looks for it. To be deleted by whoever asked. */
  copy(): Promise<string>;
}

/** The database of a layout: from the cache, or made now. */
export async function prepare(layout: Layout): Promise<Database> {
  const folder = `${CACHE}/${layout.name}-${digestOf(layout)}`;
  const seeded = await readSeeded(folder) ?? await make(folder, layout);
  return {
    seeded,
    async copy() {
      const copy = await Deno.makeTempDir({ dir: CACHE, prefix: "run-" });
      await Deno.mkdir(`${copy}/data`);
      for await (const { name } of Deno.readDir(`${folder}/data`)) {
        await Deno.copyFile(`${folder}/data/${name}`, `${copy}/data/${name}`);
      }
      return copy;
    },
  };
}

/** Null where there is none, or one that will soon be of no use. */
async function readSeeded(folder: string): Promise<Seeded | null> {
  try {
    // Written last: where it is, the database is complete.
    const text = await Deno.readTextFile(`${folder}/seeded.json`);
    const seeded: Seeded = JSON.parse(text);
    return seeded.expiresAt - MARGIN_MS > Date.now() ? seeded : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function make(folder: string, layout: Layout): Promise<Seeded> {
  await Deno.mkdir(CACHE, { recursive: true });
  for await (const { name } of Deno.readDir(CACHE)) {
    if (name.replace(/-[^-]+$/, "") === layout.name) {
      await Deno.remove(`${CACHE}/${name}`, { recursive: true });
    }
  }
  await Deno.mkdir(`${folder}/data`, { recursive: true });
  console.log(`Seeding ${layout.name} …`);
  const { success } = await new Deno.Command("deno", {
    args: [
      "run",
      "--no-prompt",
      "--allow-net=127.0.0.1",
      "--allow-env=WS_NO_BUFFER_UTIL",
      `--allow-read=${CACHE}`,
      `--allow-write=${CACHE}`,
      `${ROOT}bench/seed.ts`,
      folder,
      JSON.stringify(layout),
    ],
    stdin: "null",
  }).output();
  const seeded = success ? await readSeeded(folder) : null;
  if (seeded === null) throw new Error(`Seeding ${layout.name} failed.`);
  return seeded;
}

function digestOf(layout: Layout): string {
  const hash = createHash("sha256").update(JSON.stringify(layout));
  for (const source of SOURCES) addTo(hash, `${ROOT}${source}`);
  return hash.digest("hex").slice(0, 12);
}

function addTo(hash: ReturnType<typeof createHash>, path: string): void {
  if (Deno.statSync(path).isFile) {
    hash.update(Deno.readTextFileSync(path));
    return;
  }
  const names = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  for (const name of names) addTo(hash, `${path}/${name}`);
}
