// The bench: runs works, each time on a fresh server with a fresh copy of its seeded database, and prints what they did.
import { parseArgs } from "node:util";
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

const { values, positionals } = parseArgs({
  args: Deno.args,
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
const form: Form = values.quick ? "quick" : "full";
const { runs, seconds } = { ...(values.quick ? QUICK : FULL), ...values };
const options = {
  seconds: Number(seconds),
  isolates: Number(values.isolates),
  transport: values.transport as Transport,
};

if (values.help) console.log(USAGE);
else {
  console.log(`${await describeMachine()}, Deno ${Deno.version.deno}`);
  if (positionals[0] === "soak") await soak(Number(values.minutes), options);
  else Deno.exit(await runAll(chosen()) ? 0 : 1);
}

function chosen(): Work[] {
  const unknown = positionals.filter((name) =>
    !WORKS.some((work) => work.name === name)
  );
  if (unknown.length > 0) {
    console.error(`No such work: ${unknown.join(", ")}.\n\n${USAGE}`);
    Deno.exit(2);
  }
  return WORKS.filter(({ name, quick }) =>
    positionals.length > 0 ? positionals.includes(name) : quick || !values.quick
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
  for (let i = 1; i <= Number(runs); i++) {
    const told = await onStage(work, options, (stage) => work.run(stage));
    table ??= new Table(work, told);
    table.run(i, told);
    figures.push(told);
  }
  const spreads = spreadsOf(figures);
  table?.spreads(spreads);
  table?.goals(spreads, work.goals);
  if (values.record) await record(form, work.name, spreads, Number(runs));
  const recorded = readRecords()[form]?.[work.name];
  return recorded === undefined || table === undefined ||
    table.recorded(spreads, recorded.figures);
}
