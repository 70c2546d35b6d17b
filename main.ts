// Start-up: settings -> store -> hub -> app -> serve, then signals. The only process-wide state.
import { dirname } from "node:path";
import { Accounts } from "./kv/accounts/accounts.ts";
import type { PasswordSettings } from "./kv/accounts/passwords.ts";
import { backUp, restore } from "./kv/backup.ts";
import { type Clock, systemClock } from "./kv/clock.ts";
import type { Core } from "./kv/core.ts";
import { FileRefused } from "./kv/database_file.ts";
import { randomId } from "./kv/ids.ts";
import { failure, type Journal, openJournal } from "./kv/journal.ts";
import { keys } from "./kv/keys.ts";
import { Feed } from "./kv/log/feed.ts";
import { RoomLogs } from "./kv/log/writer.ts";
import { RateLimits } from "./kv/rates.ts";
import { keepSecret } from "./kv/secret.ts";
import {
  listSettings,
  type Mode,
  readDatabase,
  readSettings,
  type Settings,
  SettingsError,
} from "./kv/settings.ts";
import { openStore, type Store } from "./kv/store.ts";
import { workOffJobs } from "./realtime/jobs.ts";
import { Realtime } from "./realtime/realtime.ts";
import { createApp } from "./routes/app.ts";
import { firstSteps } from "./routes/documents/first_steps.ts";
import { ListenError, serve } from "./routes/serve.ts";
import { upgrade } from "./routes/upgrade.ts";

const SECRET_FILE = "data/secret";
/** How long requests under way are waited for. */
const GRACE_MS = 2_000;
/** After this long the process ends whatever still hangs; five seconds are promised. */
const STOP_WITHIN_MS = 4_000;

export interface Running {
  /** Where people reach it, without a slash at the end. */
  readonly url: string;
  readonly core: Core;
  readonly realtime: Realtime;
  stop(): Promise<void>;
}

/** What the tasks of these names do with the database and a file, instead of serving. */
const ON_FILES = new Map([["backup", backUp], ["restore", restore]]);

if (import.meta.main) {
  const [task = "", file = ""] = Deno.args;
  const onFile = ON_FILES.get(task);
  if (onFile) await runOnFile(onFile, file);
  else await run(Deno.args.includes("--dev") ? "development" : "production");
}

async function runOnFile(
  task: (database: string, file: string) => Promise<string>,
  file: string,
) {
  try {
    if (file === "") throw new FileRefused("Name a file under data/.");
    const database = readDatabase({ KV: Deno.env.get("KV") });
    console.log(await task(database, file));
  } catch (error) {
    const known = error instanceof FileRefused ||
      error instanceof SettingsError;
    console.error(known ? error.message : `Failed. ${failure(error).error}`);
    Deno.exit(1);
  }
}

async function run(mode: Mode) {
  const signalled = untilSignalled(mode);
  let running: Running;
  let journal: Journal;
  try {
    const settings = readSettings(readEnvironment(), mode);
    journal = openJournal({
      level: settings.logLevel,
      form: mode === "development" ? "human" : "json",
      clock: systemClock,
    });
    logUncaught(journal);
    running = await start(settings, { journal });
    if (mode === "development") console.log(greeting(running.url, settings));
    else journal.info("server.listening", { url: running.url });
  } catch (error) {
    console.error(explain(error));
    Deno.exit(1);
  }

  const signal = await signalled;
  setTimeout(() => Deno.exit(1), STOP_WITHIN_MS);
  await running.stop();
  journal.info("server.stopped", { signal });
  Deno.exit(0);
}

/** What a test puts in place of the real thing. */
interface Parts {
  readonly journal: Journal;
  readonly clock?: Clock;
  readonly store?: Store;
  readonly passwords?: PasswordSettings;
}

/** Opens what the server consists of, from the bottom up; `stop` closes it from the top down. */
export async function start(
  settings: Settings,
  { journal, clock = systemClock, ...parts }: Parts,
): Promise<Running> {
  const secret = settings.secret ?? await keepSecret(SECRET_FILE);
  if (settings.kv.startsWith("data/")) {
    await Deno.mkdir(dirname(settings.kv), { recursive: true, mode: 0o700 });
  }
  const store = parts.store ?? await openStore(settings.kv, clock);
  const report = (thrown: unknown) =>
    journal.error("server.fault", failure(thrown));
  try {
    const feed = new Feed(store, clock, randomId());
    const core: Core = {
      store,
      clock,
      feed,
      logs: new RoomLogs({ store, clock, feed }, await readGeneration(store)),
      accounts: new Accounts({
        store,
        clock,
        secret,
        issuer: "kvorum",
        audience: "kvorum",
        accessTokenSeconds: settings.accessTokenSeconds,
        refreshTokenSeconds: settings.refreshTokenSeconds,
        passwords: parts.passwords ?? { cores: navigator.hardwareConcurrency },
      }),
    };
    const rates = new RateLimits(clock, settings.rateScale);
    const realtime = new Realtime(core, rates, report);
    const stopping = new AbortController();
    const loops = Promise.all([
      realtime.run(stopping.signal),
      workOffJobs(core, report, stopping.signal),
    ]).catch(report);
    const ready = () => !stopping.signal.aborted;
    const { host, port, publicUrl } = settings;
    const app = createApp({ core, journal, rates, publicUrl, ready });
    const serving = await serve(app, {
      host,
      port,
      onUpgrade: upgrade(realtime, settings),
    });
    return {
      url: publicUrl ?? urlOf(host, serving.port),
      core,
      realtime,
      async stop() {
        stopping.abort();
        const closed = serving.close(GRACE_MS);
        await realtime.drain();
        await closed;
        await loops;
        store.close();
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Raised when a backup is restored, so that clients see a new `epoch`. */
async function readGeneration(store: Store): Promise<number> {
  return (await store.get<number>(keys.generation())).value ?? 0;
}

function readEnvironment() {
  return Object.fromEntries(
    listSettings().map(({ name }) => [name, Deno.env.get(name)]),
  );
}

function urlOf(host: string, port: number): string {
  const everywhere = host === "0.0.0.0" || host === "::";
  const name = everywhere ? "localhost" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

// Under `--watch` SIGTERM is left alone: whoever listens for it ends, but the watcher waits on for a change.
// One Ctrl-C arrives there as both, so a second signal is no sign of impatience.
function untilSignalled(mode: Mode): Promise<string> {
  const signals: readonly Deno.Signal[] = mode === "development"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM"];
  return new Promise((resolve) => {
    for (const signal of signals) {
      Deno.addSignalListener(signal, () => resolve(signal));
    }
  });
}

// A fault in one connection's handler must not end all the others.
function logUncaught(journal: Journal) {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    journal.error("process.unhandled_rejection", failure(event.reason));
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    journal.error("process.uncaught", failure(event.error));
  });
}

function explain(error: unknown): string {
  if (error instanceof SettingsError || error instanceof ListenError) {
    return error.message;
  }
  return `Kvorum could not start. ${failure(error).error}`;
}

function greeting(url: string, { kv }: Settings): string {
  const { shell, frames } = firstSteps(url);
  const indented = (lines: string) => lines.replace(/^/gm, "  ");
  return `
Kvorum listens at ${url} and keeps its data in ${kv}.

Paste this into another terminal, to register and open a socket:

${indented(shell)}

Then, line by line, to say hello and make a room:

${indented(frames.join("\n"))}

Every call and every frame: ${url}/docs
Ctrl-C ends it.
`;
}
