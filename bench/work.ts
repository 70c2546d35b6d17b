// What a work is: one value that says what is seeded, what is run on it, and what is expected of it.
import type { FigureName, Figures } from "./figures.ts";
import type { Layout, Seeded } from "./layout.ts";
import type { ServerProcess } from "./server.ts";

export interface Work {
  readonly name: string;
  /** One line for people. */
  readonly about: string;
  readonly layout: Layout;
  /** Whether the quick bench runs it too. */
  readonly quick?: true;
  /** How many isolates serve, where it is not as many as asked for. */
  readonly isolates?: number;
  /** Each isolate on a port of its own. */
  readonly apart?: boolean;
  readonly goals: Readonly<Partial<Record<FigureName, number>>>;
  /** One run. Servers that it starts end with the stage. */
  run(stage: Stage): Promise<Figures>;
}

/** What one run is given: a fresh copy of the seeded database, and servers on it. */
export interface Stage {
  readonly seeded: Seeded;
  /** Where the database is: `data` below it. */
  readonly folder: string;
  /** How long a work that may take any time is measured; it warms up before. */
  readonly seconds: number;
  /** Starts a server on the database. */
  serve(): Promise<ServerProcess>;
}
