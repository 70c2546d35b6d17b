// A server of one's own for a test: main.ts as a process, with exactly the permissions of `deno task start`.
import assert from "node:assert/strict";
import { listSettings } from "../kv/settings.ts";

const ROOT = new URL("../", import.meta.url);
const MAIN = new URL("main.ts", ROOT).pathname;
/** Far more than any start or end takes, so that a test which hangs says so. */
const PATIENCE_MS = 60_000;

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ServerProcess {
  /** Where it says that it listens. Rejects with what it wrote where it ends before. */
  readonly url: Promise<string>;
  readonly ended: Promise<Ended>;
  kill(signal: Deno.Signal): void;
}

/** How main.ts is started. */
interface Start {
  readonly command: readonly string[];
  readonly permissions: readonly string[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const SERVED = { DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0" };

/** As people start a server, and as Deno Deploy does. */
const STARTS = {
  development: () => runMain("start", ["--dev"]),
  production: () => runMain("start", []),
  serve: (): Start => ({
    command: ["serve", "--parallel"],
    permissions: permissionsOf("serve"),
    args: ["serve"],
    env: SERVED,
  }),
  deploy: (): Start => ({
    command: ["serve"],
    permissions: ["--allow-all"],
    args: [],
    env: { ...SERVED, DENO_DEPLOYMENT_ID: "test" },
  }),
};

export type Mode = keyof typeof STARTS;

function runMain(task: string, args: readonly string[]): Start {
  const permissions = permissionsOf(task);
  return { command: ["run"], permissions, args, env: { PORT: "0" } };
}

/**
 * Starts a server that keeps its data below `folder`, on any free port. What `env` leaves out has its
 * default, whatever the environment of the tests says.
 */
export function startServer(
  folder: string,
  mode: Mode,
  env: Readonly<Record<string, string>> = {},
  config: Readonly<Record<string, unknown>> = {},
): ServerProcess {
  const child = spawn(STARTS[mode](), { folder, env, config });

  const told = Promise.withResolvers<string>();
  // A test that expects no start does not wait for the address.
  told.promise.catch(() => {});
  const overdue = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const stdout = collect(child.stdout, (text) => {
    const url = text.match(/(?:listens at |"url":")(http[^\s"]+)/)?.[1];
    if (url !== undefined) told.resolve(url);
  });
  const stderr = collect(child.stderr);

  const ended = (async () => {
    const { code } = await child.status;
    clearTimeout(overdue);
    const end = { code, stdout: await stdout, stderr: await stderr };
    told.reject(new Error(`It ended: ${JSON.stringify(end)}`));
    return end;
  })();
  return { url: told.promise, ended, kill: (signal) => child.kill(signal) };
}

/** Runs a task that works on a file, such as `backup`, with its permissions, where a server keeps its data. */
export async function runTask(
  folder: string,
  task: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const child = spawn(runMain(task, [task, ...args]), { folder, env });
  const [{ code }, stdout, stderr] = await Promise.all([
    child.status,
    collect(child.stdout),
    collect(child.stderr),
  ]);
  return { code, stdout, stderr };
}

/** Settings that `env` leaves out have their defaults; `config` is what deno.json says otherwise. */
function spawn(
  { command, permissions, args, env: own }: Start,
  { folder, env, config = {} }: {
    readonly folder: string;
    readonly env: Readonly<Record<string, string>>;
    readonly config?: Readonly<Record<string, unknown>>;
  },
): Deno.ChildProcess {
  const unset = Object.fromEntries(
    listSettings().map(({ name }) => [name, ""]),
  );
  return new Deno.Command("deno", {
    args: [
      ...command,
      `--config=${configFile(folder, config)}`,
      ...permissions,
      MAIN,
      ...args,
    ],
    cwd: folder,
    env: { ...unset, ...own, NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

function configFile(
  folder: string,
  config: Readonly<Record<string, unknown>>,
): string {
  const usual = new URL("deno.json", ROOT);
  if (Object.keys(config).length === 0) return usual.pathname;
  const { imports, nodeModulesDir } = JSON.parse(Deno.readTextFileSync(usual));
  const path = `${folder}/deno.json`;
  const all = { imports, nodeModulesDir, lock: false, ...config };
  Deno.writeTextFileSync(path, JSON.stringify(all));
  return path;
}

/** The `--allow-…` flags of a task in deno.json. */
export function permissionsOf(task: string): string[] {
  const { tasks } = JSON.parse(
    Deno.readTextFileSync(new URL("deno.json", ROOT)),
  );
  const flags: string[] = tasks[task].command.match(
    /--(?:allow-\S+|no-prompt)/g,
  );
  assert.ok(flags.length > 0);
  // Which a task, unlike a test, runs where it lies.
  return flags.map((flag) =>
    flag.replace(/,(?=main|routes|realtime|kv)/g, `,${ROOT.pathname}`)
  );
}

/** All that comes, and at each piece what came so far. */
export async function collect(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  seen: (all: string) => void = () => {},
): Promise<string> {
  let all = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    all += text;
    seen(all);
  }
  return all;
}
