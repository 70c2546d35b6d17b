// The bench: runs works, each time on a fresh server with a fresh copy of its seeded database, and prints what they did.
import { readOrExplain } from "./command_line.ts";
import type { Figures } from "./figures.ts";
import { describeMachine, readRecords, record } from "./recorded.ts";
import { type Spreads, spreadsOf, Table } from "./report.ts";
import { readRequest, USAGE } from "./request.ts";
import { soak } from "./soak.ts";
import { onStage } from "./stage.ts";
import type { Work } from "./work.ts";

const { help, form, keep, soaking, runs, works, options, comparable } =
  readOrExplain(() => readRequest(Deno.args), USAGE);

if (help) console.log(USAGE);
else {
  console.log(`${await describeMachine()}, Deno ${Deno.version.deno}`);
  if (soaking) await soak(soaking, options);
  else Deno.exit(await runAll(works) ? 0 : 1);
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
  const good = await isAsGood(work, spreads, table!);
  if (keep) await record(form, work.name, spreads, { runs, ...options });
  // Whoever records a worse figure has seen it and wants it so.
  return good || keep;
}

/** Beside what was recorded, if it was measured in the same way. */
async function isAsGood(
  { name }: Work,
  spreads: Spreads,
  table: Table,
): Promise<boolean> {
  const recorded = readRecords()[form]?.[name];
  if (recorded === undefined || !comparable) {
    console.log("Nothing is recorded to hold this against.");
    return true;
  }
  const good = table.recorded(spreads, recorded.figures);
  const { machine, seconds, at, commit } = recorded;
  if (machine !== await describeMachine()) {
    console.log(`The recorded machine is another one: ${machine}.`);
  }
  if (seconds !== options.seconds) {
    console.log(`The recorded runs are of ${seconds} s each.`);
  }
  if (!good) console.log(`Recorded ${at}, commit ${commit}.`);
  return good;
}
