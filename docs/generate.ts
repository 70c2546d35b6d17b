// Writes what is made from the code into the documents, so that neither can say anything else: `deno task docs`.
import { RATES } from "../kv/rates.ts";
import { listSettings } from "../kv/settings.ts";
import {
  asyncApiDocument,
  openApiDocument,
} from "../routes/documents/documents.ts";

const README = new URL("../README.md", import.meta.url);

if (import.meta.main) {
  await Deno.writeTextFile(
    README,
    withTables(await Deno.readTextFile(README)),
  );
  for (const [name, text] of apiDocuments()) {
    await Deno.writeTextFile(new URL(name, import.meta.url), text);
  }
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

function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length))
  );
  const line = (cells: readonly string[], fill: string) =>
    `| ${
      cells.map((cell, column) => cell.padEnd(widths[column]!, fill))
        .join(" | ")
    } |`;
  return [
    line(head, " "),
    line(head.map(() => ""), "-"),
    ...rows.map((row) => line(row, " ")),
  ].join("\n");
}

function replaceBetween(page: string, marker: string, text: string): string {
  const [open, close] = [`<!-- ${marker} -->`, `<!-- /${marker} -->`];
  const start = page.indexOf(open);
  const end = page.indexOf(close);
  if (start < 0 || end < start) {
    throw new Error(`The page needs the markers ${open} and ${close}`);
  }
  return `${page.slice(0, start + open.length)}\n\n${text}\n\n${
    page.slice(end)
  }`;
}
