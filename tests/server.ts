// A server of one's own for a test: main.ts as a process, with exactly the permissions of `deno task start`.
import assert from "node:assert/strict";
import { listSettings } from "../kv/settings.ts";

const ROOT = new URL("../", import.meta.url);
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

/**
 * Starts a server that keeps its data below `folder`, on any free port. What `env` leaves out has its
 * default, whatever the environment of the tests says.
 */
export function startServer(
  folder: string,
  mode: "development" | "production" | "serve",
  env: Readonly<Record<string, string>> = {},
): ServerProcess {
  const child = mode === "serve"
    ? spawnMain("serve", ["serve"], { folder, env })
    : spawnMain("start", mode === "development" ? ["--dev"] : [], {
      folder,
      env,
    });

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
  const child = spawnMain(task, [task, ...args], { folder, env });
  const [{ code }, stdout, stderr] = await Promise.all([
    child.status,
    collect(child.stdout),
    collect(child.stderr),
  ]);
  return { code, stdout, stderr };
}

/** main.ts with the permissions of a task. Settings that `env` leaves out have their defaults. */
function spawnMain(
  task: string,
  args: readonly string[],
  { folder, env }: {
    readonly folder: string;
    readonly env: Readonly<Record<string, string>>;
  },
): Deno.ChildProcess {
  const unset = Object.fromEntries(
    listSettings().map(({ name }) => [name, ""]),
  );
  return new Deno.Command("deno", {
    args: [
      ...(task === "serve" ? ["serve", "--parallel"] : ["run"]),
      `--config=${new URL("deno.json", ROOT).pathname}`,
      ...permissionsOf(task),
      new URL("main.ts", ROOT).pathname,
      ...args,
    ],
    cwd: folder,
    env: {
      ...unset,
      ...(task === "serve"
        ? { DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0" }
        : { PORT: "0" }),
      NO_COLOR: "1",
      ...env,
    },
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
  return flags;
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
