// What is measured: each figure's name and unit, which way is better, and how far it may fall behind what was recorded.

interface Kind {
  readonly label: string;
  readonly unit: string;
  readonly digits: number;
  readonly better: "more" | "less";
  /**
   * Good enough is this share of a recorded one that is better. Null where it only explains: a server that does more
   * may use more of a core.
   */
  readonly holds: number | null;
}

const rate = (label: string): Kind => ({
  label,
  unit: "/s",
  digits: 0,
  better: "more",
  holds: 0.7,
});

const less = (
  label: string,
  unit: string,
  digits: number,
  holds: number | null = 0.7,
): Kind => ({ label, unit, digits, better: "less", holds });

/** The slowest of a short run are few, and each hiccup of the machine is among them. */
const P99_HOLDS = 0.4;
const p50 = (of: string) => less(`${of} p50`, "ms", 1, 0.5);
const p99 = (of: string) => less(`${of} p99`, "ms", 1, P99_HOLDS);

export const KINDS = {
  acked: rate("acked"),
  delivered: rate("deliveries"),
  answered: rate("answers"),
  ackP50: p50("ack"),
  ackP99: p99("ack"),
  deliveryP50: p50("delivery"),
  deliveryP99: p99("delivery"),
  ownP50: p50("same isolate"),
  ownP99: p99("same isolate"),
  answerP50: p50("answer"),
  answerP99: p99("answer"),
  took: less("took", "s", 1),
  tookMs: less("took", "ms", 0),
  ratio: less("ratio", "", 2),
  perMillion: less("/ million", "core-s", 2),
  perAck: less("/ ack", "µs", 0),
  perSocket: less("/ socket", "kB", 1),
  serverCores: less("server", "cores", 2, null),
  mainCores: less("main thread", "cores", 2, null),
  generatorCores: less("generator", "cores", 2, null),
  serverMB: less("server", "MB", 0, null),
} as const satisfies Record<string, Kind>;

export type FigureName = keyof typeof KINDS;

export type Figures = Partial<Record<FigureName, number>>;

/** The names that are there, in the order of the table above. */
export function namesIn(
  figures: Partial<Record<FigureName, unknown>>,
): FigureName[] {
  const names = Object.keys(KINDS) as FigureName[];
  return names.filter((name) => figures[name] !== undefined);
}

export function formatFigure(name: FigureName, value: number): string {
  // Two digits of a thirtieth of a core would not tell whether it is reached.
  const small = KINDS[name].unit === "cores" && value < 0.1;
  const digits = KINDS[name].digits + (small ? 1 : 0);
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

export function reaches(
  name: FigureName,
  value: number,
  goal: number,
): boolean {
  return KINDS[name].better === "more" ? value >= goal : value <= goal;
}

/** Whether a figure is so much worse than the recorded one that something has happened. */
export function isWorse(
  name: FigureName,
  value: number,
  recorded: number,
): boolean {
  const { better, holds } = KINDS[name];
  if (holds === null) return false;
  return !reaches(
    name,
    value,
    better === "more" ? recorded * holds : recorded / holds,
  );
}
