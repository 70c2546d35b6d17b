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
  /** Another Deno than the one of the tests. */
  readonly deno?: string;
  readonly command: readonly string[];
  readonly permissions: readonly string[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Becomes the program named next: one whose path is not known when the tests' permissions are given. */
const EXEC = ["bash", "-c", 'exec "$0" "$@"'];

const SERVED = { DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0" };

/** As people start a server. */
const STARTS = {
  development: () => runMain("start", ["--dev"]),
  production: () => runMain("start", []),
  serve: (): Start => ({
    command: ["serve", "--parallel"],
    permissions: permissionsOf("serve"),
    args: ["serve"],
    env: SERVED,
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
): ServerProcess {
  return attend(spawn(STARTS[mode](), { folder, env }));
}

/** Starts a server as Deno Deploy does: by its Deno, without flags or arguments, all permissions given. */
export function startOnDeploy(
  folder: string,
  deno: string,
  env: Readonly<Record<string, string>>,
): ServerProcess {
  const command = ["run"];
  const permissions = ["--allow-all"];
  const own = { ...SERVED, DENO_DEPLOYMENT_ID: "test" };
  return attend(
    spawn({ deno, command, permissions, args: [], env: own }, { folder, env }),
  );
}

/** The process as a test sees it. */
function attend(child: Deno.ChildProcess): ServerProcess {
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

/** Runs a task that works on the database, such as `backup`, with its permissions, where a server keeps its data. */
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

/** Settings that `env` leaves out have their defaults. */
function spawn(
  { deno, command, permissions, args, env: own }: Start,
  { folder, env }: {
    readonly folder: string;
    readonly env: Readonly<Record<string, string>>;
  },
): Deno.ChildProcess {
  const unset = Object.fromEntries(
    listSettings().map(({ name }) => [name, ""]),
  );
  const program = deno ? [...EXEC, deno] : ["deno"];
  return new Deno.Command(program[0]!, {
    args: [
      ...program.slice(1),
      ...command,
      // Deno Deploy gives no flags: there it is found beside main.ts.
      ...(deno ? [] : [`--config=${new URL("deno.json", ROOT).pathname}`]),
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

export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}
