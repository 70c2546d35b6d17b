// What is printed: a line for each run, then medians with their spread, the goals, and what was recorded.
import {
  type FigureName,
  type Figures,
  formatFigure,
  isWorse,
  KINDS,
  namesIn,
  reaches,
} from "./figures.ts";
import { median } from "./generator/samples.ts";
import type { Work } from "./work.ts";

/** Of one figure over the runs. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export type Spreads = Partial<Record<FigureName, Spread>>;

const TITLE_WIDTH = 9;
const CELL_WIDTH = 9;

export function spreadsOf(runs: readonly Figures[]): Spreads {
  const spreads: Spreads = {};
  for (const name of namesIn(runs[0] ?? {})) {
    const values = runs.map((run) => run[name] ?? NaN);
    spreads[name] = {
      median: median(values),
      least: Math.min(...values),
      most: Math.max(...values),
    };
  }
  return spreads;
}

/** As `median (least–most)`. */
export function formatSpread(
  name: FigureName,
  { median, least, most }: Spread,
): string {
  const [middle, low, high] = [median, least, most].map((value) =>
    formatFigure(name, value)
  );
  return `${middle} (${low}–${high})`;
}

/** The columns of one work: names on top, a row for each thing that is said. */
export class Table {
  readonly #names: readonly FigureName[];

  constructor({ name, about }: Work, first: Figures) {
    this.#names = namesIn(first);
    console.log(`\n${name}: ${about}`);
    this.#row("", (name) => KINDS[name].label);
    this.#row("", (name) => KINDS[name].unit);
  }

  run(number: number, figures: Figures): void {
    this.#row(`run ${number}`, (name) => formatFigure(name, figures[name]!));
  }

  spreads(spreads: Spreads): void {
    for (const which of ["median", "least", "most"] as const) {
      this.#row(which, (name) => formatFigure(name, spreads[name]![which]));
    }
  }

  goals(spreads: Spreads, goals: Work["goals"]): void {
    if (Object.keys(goals).length === 0) return;
    this.#row("goal", (name) => {
      const goal = goals[name];
      if (goal === undefined) return "";
      return `${KINDS[name].better === "more" ? "≥" : "≤"} ${
        formatFigure(name, goal)
      }`;
    });
    this.#row("", (name) => {
      const goal = goals[name];
      if (goal === undefined) return "";
      return reaches(name, spreads[name]!.median, goal) ? "met" : "MISSED";
    });
  }

  /** @returns whether none is worse */
  recorded(spreads: Spreads, recorded: Spreads): boolean {
    let good = true;
    this.#row("recorded", (name) => {
      const then = recorded[name];
      return then === undefined ? "" : formatFigure(name, then.median);
    });
    this.#row("", (name) => {
      const then = recorded[name];
      if (
        then === undefined || !isWorse(name, spreads[name]!.median, then.median)
      ) return "";
      good = false;
      return "WORSE";
    });
    return good;
  }

  #row(title: string, cell: (name: FigureName) => string): void {
    const cells = this.#names.map((name) =>
      cell(name).padStart(Math.max(CELL_WIDTH, KINDS[name].label.length))
    );
    const line = `${title.padEnd(TITLE_WIDTH)}${cells.join("  ")}`;
    if (line.trim() !== "") console.log(line);
  }
}
