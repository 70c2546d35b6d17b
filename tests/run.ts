// The gates: `ok` before a commit, `all` for everything. The last line counts the tests: `N passed, N failed`.
import { stripVTControlCharacters } from "node:util";

/** Folders whose tests start whole servers or take their time; each runs alone, and not before every commit. */
const SLOW = ["protocol", "cluster", "faults", "browser"];

/** What people outside may import, so every export of it is documented. */
const PUBLIC_MODULES = ["kv/settings.ts", "kv/secret.ts"];

interface Stage {
  readonly heading: string;
  readonly args: readonly string[];
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const ci = Deno.env.get("CI") === "true";
const temporary = Deno.env.get("TMPDIR") ?? "/tmp";

// Tests take exactly what they need: a loopback port, scratch files, this Deno to start servers with, a shell
// to paste the README into, npm to fetch an older Deno, a denokv server, and the packages' own files, which a validator reads its schemas from.
const TEST = [
  "test",
  "--no-check",
  "--no-prompt",
  "--permit-no-files",
  "--allow-net=127.0.0.1,localhost",
  "--allow-env=WS_NO_BUFFER_UTIL,CI",
  `--allow-read=.,${temporary},${await packageFolder()}`,
  `--allow-write=.cache,${temporary}`,
  `--allow-run=deno,bash,npx,denokv,${Deno.execPath()}`,
];

const STATIC: readonly Stage[] = [
  { heading: "format", args: ["fmt", "--check"] },
  { heading: "lint", args: ["lint"] },
  { heading: "types", args: ["check", ...frozen()] },
  { heading: "doc comments", args: ["doc", "--lint", ...PUBLIC_MODULES] },
];

const QUICK: Stage = {
  heading: "quick tests",
  args: [
    ...TEST,
    ...frozen(),
    "--parallel",
    `--ignore=${SLOW.map((folder) => `tests/${folder}`)}`,
    "tests",
  ],
};

if (import.meta.main) {
  const [gate, ...paths] = Deno.args;
  const stages = gate === "ok"
    ? [...STATIC, QUICK]
    : paths.length > 0
    ? [{ heading: paths.join(" "), args: [...TEST, ...frozen(), ...paths] }]
    : [...STATIC, QUICK, ...slowStages()];
  Deno.exit(await runAll(stages) ? 0 : 1);
}

/** Runs one stage after the other up to the first that fails, and answers whether none did. */
async function runAll(stages: readonly Stage[]): Promise<boolean> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  let good = true;
  for (const stage of stages) {
    good = await run(stage, counts);
    if (!good) {
      console.log(`\nStopped: ${stage.heading} failed.`);
      // What fails without a test that did, like a format or an import, still counts.
      counts.failed ||= 1;
      break;
    }
  }
  if (counts.skipped > 0) {
    console.log(`\nSKIPPED on this machine: ${counts.skipped} (named above).`);
    if (ci) {
      console.log("In CI nothing may be skipped.");
      counts.failed += counts.skipped;
    }
  }
  console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
  return good && counts.failed === 0;
}

async function run(stage: Stage, counts: Counts): Promise<boolean> {
  console.log(`\n== ${stage.heading}`);
  const child = new Deno.Command("deno", {
    args: [...stage.args],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let output = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    Deno.stdout.writeSync(chunk);
    output += decoder.decode(chunk, { stream: true });
  }
  count(stripVTControlCharacters(output), counts);
  return (await child.status).success;
}

/** Adds what the runner's own last lines say, e.g. `ok | 12 passed (3 steps) | 0 failed | 1 ignored (2s)`. */
function count(output: string, counts: Counts) {
  const summary =
    /^(?:ok|FAILED) \| (\d+) passed.*?\| (\d+) failed(?:.*?\| (\d+) ignored)?/gm;
  for (const [, passed, failed, skipped = "0"] of output.matchAll(summary)) {
    counts.passed += Number(passed);
    counts.failed += Number(failed);
    counts.skipped += Number(skipped);
  }
}

function slowStages(): Stage[] {
  const there = new Set([...Deno.readDirSync("tests")].map(({ name }) => name));
  return SLOW.filter((folder) => there.has(folder)).map((folder) => ({
    heading: `${folder} tests`,
    args: [...TEST, ...frozen(), `tests/${folder}`],
  }));
}

async function packageFolder(): Promise<string> {
  const { stdout } = await new Deno.Command("deno", {
    args: ["info", "--json"],
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).npmCache;
}

// A lock file that would change is a mistake in CI; on a developer's machine it is a new dependency.
function frozen(): string[] {
  return ci ? ["--frozen"] : [];
}
