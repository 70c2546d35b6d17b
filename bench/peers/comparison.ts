// Two servers beside each other: what each did, and how much better ours was.
import { type FigureName, formatFigure, KINDS, namesIn } from "../figures.ts";
import type { Spread, Spreads } from "../report.ts";

/** So many times the messages that the peer acknowledges in the same time. */
export const GOAL = 5;

export function isReached(ours: Spreads, theirs: Spreads): boolean {
  return advantage("acked", ours, theirs) >= GOAL;
}

/** By medians: how many times better ours is. */
export function advantage(
  name: FigureName,
  ours: Spreads,
  theirs: Spreads,
): number {
  const [our, their] = [ours[name]?.median ?? NaN, theirs[name]?.median ?? NaN];
  return KINDS[name].better === "more" ? our / their : their / our;
}

/** A line of names, and one for each figure. */
export function linesOf(ours: Spreads, theirs: Spreads): string[] {
  const row = (figure: string, our: string, their: string, times: string) =>
    `${figure.padEnd(20)}${our.padEnd(28)}${their.padEnd(28)}${times}`
      .trimEnd();
  return [
    row("median (least–most)", "Kvorum", "Socket.IO + PostgreSQL", "better by"),
    ...namesIn(ours).map((name) => {
      const { label, unit, holds } = KINDS[name];
      return row(
        `${label} ${unit}`,
        format(name, ours[name]!),
        format(name, theirs[name]!),
        // What only explains is neither better nor worse.
        holds === null
          ? ""
          : `${advantage(name, ours, theirs).toFixed(1)} times`,
      );
    }),
  ];
}

function format(name: FigureName, { median, least, most }: Spread): string {
  const [middle, low, high] = [median, least, most].map((value) =>
    formatFigure(name, value)
  );
  return `${middle} (${low}–${high})`;
}
