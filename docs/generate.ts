// Writes what is made from the code into the documents, so that neither can say anything else: `deno task docs`.
import { withFigures } from "../bench/page.ts";
import { RATES } from "../kv/rates.ts";
import { listSettings } from "../kv/settings.ts";
import {
  asyncApiDocument,
  openApiDocument,
} from "../routes/documents/documents.ts";
import { renderTable, replaceBetween } from "./markdown.ts";

if (import.meta.main) {
  await rewrite("../README.md", withTables);
  await rewrite("../bench/README.md", withFigures);
  for (const [name, text] of apiDocuments()) {
    await Deno.writeTextFile(new URL(name, import.meta.url), text);
  }
}

async function rewrite(name: string, renew: (page: string) => string) {
  const page = new URL(name, import.meta.url);
  await Deno.writeTextFile(page, renew(await Deno.readTextFile(page)));
}

/** The committed copies of the API documents, by their name in this folder. */
export function apiDocuments(): ReadonlyMap<string, string> {
  return new Map([
    ["openapi.json", openApiDocument()],
    ["asyncapi.json", asyncApiDocument()],
  ]);
}

/** The README with its tables of settings and limits made anew. Throws where the markers are missing. */
export function withTables(readme: string): string {
  return replaceBetween(
    replaceBetween(readme, "settings", settingsTable()),
    "limits",
    limitsTable(),
  );
}

/** The table as `deno fmt` would leave it. */
export function settingsTable(): string {
  const rows = listSettings().map(({ name, fallback, meaning }) => [
    `\`${name}\``,
    fallback,
    meaning,
  ]);
  return renderTable(["name", "default", "meaning"], rows);
}

function limitsTable(): string {
  const rows = Object.values(RATES).map(({ what, by, count, perMs, burst }) => [
    what,
    by,
    `${count} a ${perMs === 1000 ? "second" : "minute"}`,
    String(burst),
  ]);
  return renderTable(["what", "counted by", "on average", "at once"], rows);
}
