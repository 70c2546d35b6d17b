// Figures of a quiet machine, kept in recorded.json, so that today's can be held against them.
import type { Spreads } from "./report.ts";

/** `quick` runs are short, so they are held against quick ones only; those of `peers` took turns with another server's. */
export type Form = "full" | "quick" | "peers";

/** What one work once did. */
export interface Recorded {
  readonly machine: string;
  readonly deno: string;
  readonly commit: string;
  readonly at: string;
  readonly runs: number;
  /** How long each run was, where a work may take any time. */
  readonly seconds: number;
  /** The other server's programs, where it is not ours. */
  readonly versions?: string;
  readonly figures: Spreads;
}

export type Records = Partial<Record<Form, Record<string, Recorded>>>;

const FILE = new URL("recorded.json", import.meta.url);

export function readRecords(): Records {
  try {
    return JSON.parse(Deno.readTextFileSync(FILE));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

/** Puts a work's figures in the place of those recorded before. */
export async function record(
  form: Form,
  work: string,
  figures: Spreads,
  { runs, seconds, versions }: Pick<Recorded, "runs" | "seconds" | "versions">,
): Promise<void> {
  const records = readRecords();
  const recorded: Recorded = {
    machine: await describeMachine(),
    deno: Deno.version.deno,
    commit: (await say("git", "rev-parse", "--short", "HEAD")).trim(),
    at: new Date().toISOString().slice(0, 10),
    runs,
    seconds,
    ...(versions === undefined ? {} : { versions }),
    figures: round(figures),
  };
  records[form] = { ...records[form], [work]: recorded };
  Deno.writeTextFileSync(FILE, `${JSON.stringify(records, null, 2)}\n`);
}

/** Whole machines differ: figures are only worth comparing on the same one. */
export async function describeMachine(): Promise<string> {
  const processor = await say("cat", "/proc/cpuinfo");
  const model = processor.match(/^model name\s*: (.*)$/m)?.[1] ??
    Deno.build.arch;
  return `${navigator.hardwareConcurrency} × ${model.trim()}, ${Deno.build.os}`;
}

async function say(
  command: string,
  ...args: readonly string[]
): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args: [...args] })
    .output();
  return new TextDecoder().decode(stdout);
}

/** More digits than these say nothing. */
function round(figures: Spreads): Spreads {
  return JSON.parse(
    JSON.stringify(figures),
    (_, value) =>
      typeof value === "number" ? Number(value.toPrecision(4)) : value,
  );
}
