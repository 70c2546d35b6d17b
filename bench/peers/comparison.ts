// Two servers beside each other: what each did, and how much better ours was.
import { type FigureName, KINDS, namesIn } from "../figures.ts";
import { formatSpread, type Spreads } from "../report.ts";

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

/** A row of titles, and one for each figure. */
export function rowsOf(ours: Spreads, theirs: Spreads): string[][] {
  return [
    ["median (least–most)", "Kvorum", "Socket.IO + PostgreSQL", "better by"],
    ...namesIn(ours).map((name) => {
      const { label, unit, holds } = KINDS[name];
      return [
        `${label} ${unit}`,
        formatSpread(name, ours[name]!),
        formatSpread(name, theirs[name]!),
        // What only explains is neither better nor worse.
        holds === null
          ? ""
          : `${advantage(name, ours, theirs).toFixed(1)} times`,
      ];
    }),
  ];
}

/** The same as lines for a terminal. */
export function linesOf(ours: Spreads, theirs: Spreads): string[] {
  return rowsOf(ours, theirs).map(([figure, our, their, times]) =>
    `${figure!.padEnd(20)}${our!.padEnd(28)}${their!.padEnd(28)}${times}`
      .trimEnd()
  );
}
