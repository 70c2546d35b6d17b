// The bench: runs works, each time on a fresh server with a fresh copy of its seeded database, and prints what they did.
import {
  readArguments,
  readCount,
  readNumber,
  readOrExplain,
  UsageError,
} from "./command_line.ts";
import type { Figures } from "./figures.ts";
import { describeMachine, type Form, readRecords, record } from "./recorded.ts";
import { spreadsOf, Table } from "./report.ts";
import type { Transport } from "./server.ts";
import { soak } from "./soak.ts";
import { onStage } from "./stage.ts";
import type { Work } from "./work.ts";
import { WORKS } from "./works.ts";

const USAGE =
  `deno task bench [WORK…] [--runs 5] [--seconds 5] [--isolates 1] [--transport node|native] [--record]
deno task bench:quick [WORK…] [--record]
deno task bench soak [--minutes 60]

${WORKS.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join("\n")}`;

/** Short, so that all of it takes two minutes. */
const QUICK = { runs: "3", seconds: "1.5" };
const FULL = { runs: "5", seconds: "5" };

const { help, quick, keep, soaking, runs, works, options } = readOrExplain(
  read,
  USAGE,
);
const form: Form = quick ? "quick" : "full";

if (help) console.log(USAGE);
else {
  console.log(`${await describeMachine()}, Deno ${Deno.version.deno}`);
  if (soaking) await soak(soaking, options);
  else Deno.exit(await runAll(works) ? 0 : 1);
}

function read() {
  const { values, positionals } = readArguments({
    allowPositionals: true,
    options: {
      runs: { type: "string" },
      seconds: { type: "string" },
      isolates: { type: "string", default: "1" },
      transport: { type: "string", default: "node" },
      minutes: { type: "string", default: "60" },
      quick: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const { runs, seconds } = { ...(values.quick ? QUICK : FULL), ...values };
  const minutes = readNumber("minutes", values.minutes);
  const soaking = positionals[0] === "soak" ? minutes : null;
  return {
    help: values.help,
    quick: values.quick,
    keep: values.record,
    soaking,
    runs: readCount("runs", runs),
    works: soaking ? [] : chosen(positionals, values.quick),
    options: {
      seconds: readNumber("seconds", seconds),
      isolates: readCount("isolates", values.isolates),
      transport: readTransport(values.transport),
    },
  };
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

/** Answers whether nothing was worse than recorded. */
async function runAll(works: readonly Work[]): Promise<boolean> {
  let good = true;
  for (const work of works) {
    try {
      good = await run(work) && good;
    } catch (fault) {
      good = false;
      console.error(`${work.name} is void:`, fault);
    }
  }
  return good;
}

async function run(work: Work): Promise<boolean> {
  const figures: Figures[] = [];
  let table: Table | undefined;
  for (let i = 1; i <= runs; i++) {
    const told = await onStage(work, options, (stage) => work.run(stage));
    table ??= new Table(work, told);
    table.run(i, told);
    figures.push(told);
  }
  const spreads = spreadsOf(figures);
  table?.spreads(spreads);
  table?.goals(spreads, work.goals);
  if (keep) await record(form, work.name, spreads, runs);
  const recorded = readRecords()[form]?.[work.name];
  return recorded === undefined || table === undefined ||
    table.recorded(spreads, recorded.figures);
}
