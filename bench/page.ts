// The tables of bench/README.md, made from what was recorded, so that they can't say anything else: `deno task docs`.
import {
  renderParagraph,
  renderTable,
  replaceBetween,
} from "../docs/markdown.ts";
import {
  type FigureName,
  formatFigure,
  KINDS,
  namesIn,
  reaches,
} from "./figures.ts";
import { rowsOf } from "./peers/comparison.ts";
import { readRecords, type Recorded, type Records } from "./recorded.ts";
import { formatSpread, type Spread } from "./report.ts";
import type { Work } from "./work.ts";
import { WORKS } from "./works.ts";

/** The page with its tables made anew. Throws where the markers are missing. */
export function withFigures(
  page: string,
  records: Records = readRecords(),
): string {
  return replaceBetween(
    replaceBetween(page, "figures", figuresTable(records)),
    "peers",
    peersTable(records),
  );
}

function figuresTable({ full = {} }: Records): string {
  const rows = WORKS.flatMap((work) => {
    const recorded = full[work.name];
    return recorded === undefined ? [] : rowsOfWork(work, recorded);
  });
  const head = ["work", "figure", "goal", "median (least–most)", ""];
  return `${renderTable(head, rows)}

${sourceOf(Object.values(full))}`;
}

/** One for each goal and for the share of the processor; without goals one for each figure. */
function rowsOfWork({ name, goals }: Work, { figures }: Recorded): string[][] {
  const shown = namesIn(figures).filter((figure) =>
    figure.endsWith("Cores") && figure !== "generatorCores" ||
    figure in goals ||
    (Object.keys(goals).length === 0 && KINDS[figure].holds !== null)
  );
  return shown.map((figure, i) => [
    i === 0 ? `\`${name}\`` : "",
    `${KINDS[figure].label} ${KINDS[figure].unit}`.trim(),
    ...cellsOf(figure, figures[figure]!, goals[figure]),
  ]);
}

function cellsOf(name: FigureName, spread: Spread, goal?: number): string[] {
  const told = formatSpread(name, spread);
  if (goal === undefined) return ["", told, ""];
  const more = KINDS[name].better === "more";
  const { median } = spread;
  // How many times better it would have to be.
  const times = more ? goal / median : median / goal;
  return [
    `${more ? "≥" : "≤"} ${formatFigure(name, goal)}`,
    told,
    reaches(name, median, goal) ? "met" : `missed ${times.toFixed(2)} times`,
  ];
}

function peersTable({ peers = {} }: Records): string {
  const [ours, theirs] = [peers["kvorum"], peers["socket.io"]];
  if (ours === undefined || theirs === undefined) return "Nothing recorded.";
  const rows = rowsOf(ours.figures, theirs.figures);
  return `${renderTable(rows[0]!, rows.slice(1))}

${sourceOf([ours, theirs])}`;
}

/** Where and when the figures are from. */
function sourceOf(recorded: readonly Recorded[]): string {
  const all = (name: Exclude<keyof Recorded, "figures">) =>
    [...new Set(recorded.flatMap((one) => one[name] ?? []))].join(", ");
  const versions = all("versions");
  return renderParagraph(
    `${all("machine")}; Deno ${all("deno")}${versions && `, ${versions}`}; ${
      all("runs")
    } runs of ${all("seconds")} s each; ${all("at")}, commit ${all("commit")}.`,
  );
}
