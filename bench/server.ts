// The server under load: main.ts as a process of its own, started as its task in deno.json says, with rate limits off.
import process from "node:process";

/** How main.ts is started: `node` as `deno task start` does it, `native` as `deno task serve` does. */
export type Transport = "node" | "native";

export interface ServerOptions {
  /** The database is the default one under `folder`/data. */
  readonly folder: string;
  /** In base64. */
  readonly secret: string;
  readonly transport: Transport;
  readonly isolates: number;
  /** Each isolate on a port of its own, so that a client chooses its isolate. */
  readonly apart: boolean;
}

export interface Usage {
  /** When it was told, in milliseconds. */
  readonly at: number;
  /** Processor seconds so far. */
  readonly serverSeconds: number;
  /** Of these those of the first process's main thread, on which its JavaScript runs. */
  readonly mainSeconds: number;
  readonly ownSeconds: number;
  /** The server's resident size. */
  readonly bytes: number;
}

export interface ServerProcess {
  /** Where it listens: one address, or one for each isolate. */
  readonly urls: readonly string[];
  /** The same for sockets. */
  readonly sockets: readonly string[];
  usage(): Promise<Usage>;
  /** May be called twice. */
  stop(): Promise<void>;
}

const ROOT = new URL("../", import.meta.url);
/** Linux counts a process's time in these. */
const TICKS_PER_SECOND = 100;
/** User and system time of a process, then those of its ended children: after its number, its name, and eleven other fields. */
const TIMES = /^\d+ \(.*\) (?:\S+ ){11}(\d+ \d+ \d+ \d+) /gm;
const RESIDENT = /^VmRSS:\s*(\d+) kB$/gm;

export async function startServer(
  options: ServerOptions,
): Promise<ServerProcess> {
  const child = new Deno.Command("deno", {
    args: commandOf(options),
    cwd: options.folder,
    env: {
      PORT: "0",
      HOST: "127.0.0.1",
      // It would move further isolates of ours to ports of their own.
      ...(options.transport === "native" && {
        DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0",
        DENO_JOBS: String(options.isolates),
      }),
      ISOLATES: String(options.isolates),
      SECRET: options.secret,
      RATE_SCALE: "0",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const expected = options.apart ? options.isolates : 1;
  let said = "";
  const urls = () =>
    [...said.matchAll(/"url":"(http[^"]+)"/g)].map(([, url]) => url!);
  while (urls().length < expected) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`The server ended: ${said}`);
    said += value;
  }
  let stopped = false;
  return {
    urls: urls(),
    sockets: urls().map((url) => `${url.replace("http", "ws")}/api/v1/ws`),
    usage: () => readUsage(child.pid),
    async stop() {
      if (stopped) return;
      stopped = true;
      child.kill("SIGINT");
      await lines.cancel();
      await child.status;
    },
  };
}

/** What was used between two moments, in cores. */
export function usageBetween(before: Usage, after: Usage) {
  const seconds = (after.at - before.at) / 1000;
  return {
    serverCores: (after.serverSeconds - before.serverSeconds) / seconds,
    mainCores: (after.mainSeconds - before.mainSeconds) / seconds,
    generatorCores: (after.ownSeconds - before.ownSeconds) / seconds,
  };
}

function commandOf({ transport, apart }: ServerOptions): string[] {
  const config = new URL("deno.json", ROOT).pathname;
  const { tasks } = JSON.parse(Deno.readTextFileSync(config));
  const native = transport === "native";
  const command: string = tasks[native ? "serve" : "start"].command;
  const flags = command.match(/--(?:allow-\S+|no-prompt|parallel)/g) ?? [];
  const main = apart ? "bench/isolates.ts" : "main.ts";
  const readable = apart ? `,${ROOT.pathname}bench` : "";
  return [
    native && !apart ? "serve" : "run",
    `--config=${config}`,
    // The task runs where it lies, this one elsewhere.
    ...flags.map((flag) =>
      flag.replace(/,(?=main|routes|realtime|kv)/g, `,${ROOT.pathname}`)
        .replace(/^--allow-read.*/, `$&${readable}`)
    ),
    new URL(main, ROOT).pathname,
    ...(native && !apart ? ["serve"] : []),
  ];
}

/** Of processes that are one server together, and of those that they started and that have ended. */
export async function readUsage(...pids: readonly number[]): Promise<Usage> {
  const main = `/proc/${pids[0]}/task/${pids[0]}/stat`;
  const told = await read(
    main,
    ...pids.flatMap((pid) => [`/proc/${pid}/stat`, `/proc/${pid}/status`]),
  );
  const { user, system } = process.cpuUsage();
  const [thread = [], ...processes] = [...told.matchAll(TIMES)]
    .map(([, times]) => times!.split(" ").map(Number));
  const kilobytes = [...told.matchAll(RESIDENT)].map(([, kB]) => Number(kB));
  return {
    at: performance.now(),
    serverSeconds: sum(processes.flat()) / TICKS_PER_SECOND,
    // Without those of ended children, which are the process's.
    mainSeconds: sum(thread.slice(0, 2)) / TICKS_PER_SECOND,
    ownSeconds: (user + system) / 1e6,
    bytes: sum(kilobytes) * 1024,
  };
}

/** Deno itself reads /proc only with every permission there is. */
async function read(...files: readonly string[]): Promise<string> {
  const cat = new Deno.Command("cat", { args: [...files], stderr: "null" });
  return new TextDecoder().decode((await cat.output()).stdout);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
