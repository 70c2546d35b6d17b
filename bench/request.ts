// What the bench was asked to do: which works or the soak, and how.
import {
  readArguments,
  readCount,
  readNumber,
  UsageError,
} from "./command_line.ts";
import type { Form } from "./recorded.ts";
import type { Transport } from "./server.ts";
import type { StageOptions } from "./stage.ts";
import type { Work } from "./work.ts";
import { WORKS } from "./works.ts";

export interface Request {
  readonly help: boolean;
  readonly form: Form;
  /** Whether what is measured is recorded. */
  readonly keep: boolean;
  /** For how many minutes, instead of works. */
  readonly soaking: number | null;
  readonly runs: number;
  readonly works: readonly Work[];
  readonly options: StageOptions;
  /** Whether it is served as it was when it was recorded. */
  readonly comparable: boolean;
}

const NAME_WIDTH = Math.max(...WORKS.map(({ name }) => name.length));

export const USAGE =
  `deno task bench [WORK…] [--runs 5] [--seconds 5] [--isolates 1] [--transport node|native] [--record]
deno task bench:quick [WORK…] [--runs 3] [--seconds 1.5] [--record]
deno task bench soak [--minutes 60] [--isolates 1] [--transport node|native]

${
    WORKS.map(({ name, about }) => `  ${name.padEnd(NAME_WIDTH)} ${about}`)
      .join("\n")
  }`;

const SOAK = "soak";
/** Short, so that all of it takes two minutes. */
const QUICK = { runs: "3", seconds: "1.5" };
const FULL = { runs: "5", seconds: "5" };
const HOW_SERVED = ["isolates", "transport"];

/** @throws UsageError */
export function readRequest(args: readonly string[]): Request {
  const { values, positionals } = readArguments({
    args: [...args],
    allowPositionals: true,
    options: {
      runs: { type: "string" },
      seconds: { type: "string" },
      isolates: { type: "string" },
      transport: { type: "string" },
      minutes: { type: "string" },
      quick: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const { runs, seconds } = { ...(values.quick ? QUICK : FULL), ...values };
  const { isolates = "1", transport = "node", minutes = "60" } = values;
  const given = Object.keys(values)
    .filter((name) => values[name as keyof typeof values]);
  const soaks = positionals.includes(SOAK);
  if (soaks) {
    const works = positionals.filter((name) => name !== SOAK);
    refuseBeside(SOAK, works, given, ["quick", "runs", "seconds", "record"]);
  } else refuseBeside("a work", [], given, ["minutes"]);
  // What is recorded is what everybody measures who says nothing.
  if (values.record) refuseBeside("--record", [], given, HOW_SERVED);
  return {
    help: values.help,
    form: values.quick ? "quick" : "full",
    keep: values.record,
    soaking: soaks ? readNumber("minutes", minutes) : null,
    runs: readCount("runs", runs),
    works: soaks ? [] : chosen(positionals, values.quick),
    options: {
      seconds: readNumber("seconds", seconds),
      isolates: readCount("isolates", isolates),
      transport: readTransport(transport),
    },
    comparable: !HOW_SERVED.some((name) => given.includes(name)),
  };
}

/** What would mean nothing is refused, and not passed over. */
function refuseBeside(
  what: string,
  works: readonly string[],
  given: readonly string[],
  options: readonly string[],
): void {
  const [first] = [
    ...works,
    ...options.filter((option) => given.includes(option))
      .map((option) => `--${option}`),
  ];
  if (first === undefined) return;
  throw new UsageError(`${first} means nothing beside ${what}.`);
}

function readTransport(name: string): Transport {
  if (name === "node" || name === "native") return name;
  throw new UsageError("--transport must be node or native.");
}

function chosen(names: readonly string[], onlyQuick: boolean): Work[] {
  const unknown = names.filter((name) =>
    !WORKS.some((work) => work.name === name)
  );
  if (unknown.length > 0) {
    throw new UsageError(`No such work: ${unknown.join(", ")}.`);
  }
  return WORKS.filter(({ name, quick }) =>
    names.length > 0 ? names.includes(name) : quick || !onlyQuick
  );
}
