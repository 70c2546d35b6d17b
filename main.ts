// Start-up and end: what is to be run by the arguments and the environment, then signals. The only process-wide state.
import { appointAdmin, issueKey } from "./kv/accounts/tasks.ts";
import { backUp, restore } from "./kv/backup.ts";
import { systemClock } from "./kv/clock.ts";
import { FileRefused } from "./kv/database_file.ts";
import { Refused } from "./kv/errors.ts";
import { failure, type Journal, openJournal } from "./kv/journal.ts";
import {
  listSettings,
  type Mode,
  readDatabase,
  readSettings,
  SettingsError,
} from "./kv/settings.ts";
import { greeting } from "./routes/documents/first_steps.ts";
import {
  isFurtherIsolate,
  Isolates,
  runFurtherIsolate,
} from "./routes/isolates.ts";
import {
  hosted,
  isOnDeploy,
  isSet,
  onUnheard,
  type Transport,
} from "./routes/listen.ts";
import { logUncaught, onSignal, printLine } from "./routes/process.ts";
import { ListenError, urlOf } from "./routes/serve.ts";
import { type Running, start } from "./routes/server.ts";

/** How long whatever still hangs is waited for. */
const GRACE_MS = 2_000;
/** After this long the process ends whatever still hangs; five seconds are promised. */
const STOP_WITHIN_MS = 4_000;

/** What the tasks of these names do with the database and their arguments, instead of serving. */
const TASKS = new Map<
  string,
  (database: string, ...args: string[]) => Promise<string>
>([
  ["backup", backUp],
  ["restore", (database, file) => restore(database, file)],
  ["key", issueKey],
  ["admin", appointAdmin],
]);

/** What `deno serve`, which listens itself, asks for; none where this program listens. */
export default import.meta.main ? await main() : undefined;

async function main(): Promise<Deno.ServeDefaultExport | undefined> {
  const [name = "", ...args] = Deno.args;
  const task = TASKS.get(name);
  // `deno serve` can't be told from `deno run` before it asks, so its task says so, and Deno where it serves unasked.
  if (name === "serve" || isSet("DENO_AUTO_SERVE")) return await host();
  if (task) {
    return void await runTask(() =>
      task(readDatabase({ KV: Deno.env.get("KV") }), ...args)
    );
  }
  if (isOnDeploy()) return void await run("production", "native");
  const mode = Deno.args.includes("--dev") ? "development" : "production";
  requireOwnAddress();
  if (isFurtherIsolate()) await runFurtherIsolate((port) => beside(mode, port));
  else await run(mode, "node");
}

async function runTask(task: () => Promise<string>) {
  try {
    console.log(await task());
  } catch (error) {
    const known = error instanceof FileRefused || error instanceof Refused ||
      error instanceof SettingsError;
    console.error(known ? error.message : `Failed. ${failure(error).error}`);
    Deno.exit(1);
  }
}

async function run(mode: Mode, transport: Transport) {
  const signalled = new Promise<string>((told) => onSignal(mode, told));
  // Also where it still starts, and what it waits for never comes.
  void signalled.then(endInTime);
  const { running, settings, journal } = await boot(mode, transport)
    .catch(giveUp);
  if (mode === "development") console.log(greeting(running.url, settings.kv));
  else journal.info("server.listening", { url: running.url });
  await stopAt(await signalled, running, journal);
  Deno.exit(0);
}

/** The server, with as many isolates as the settings say. */
async function boot(mode: Mode, transport: Transport) {
  const { settings, journal } = open(mode);
  // Deno's own sockets share no port: whoever wants several isolates of them has `deno serve`.
  const isolates = transport === "node" ? settings.isolates : 1;
  const first = await start(settings, {
    journal,
    transport,
    ...(isolates > 1 ? { sharing: "first" } : {}),
  });
  const others = await Isolates.start(
    isolates - 1,
    import.meta.url,
    first.port,
    journal,
  );
  const stop = async () => {
    await Promise.all([first.stop(), others.stop()]);
  };
  return { running: { ...first, stop }, settings, journal };
}

/** A further isolate of a server that listens on `port`. */
async function beside(mode: Mode, port: number): Promise<Running> {
  const { settings, journal } = open(mode);
  return await start({ ...settings, port }, { journal, sharing: "further" });
}

/** Every isolate of `deno serve --parallel` comes here. The process ends with the last of them. */
async function host(): Promise<Deno.ServeDefaultExport> {
  onUnheard(giveUp);
  const { running, journal } = await bootHosted().catch(giveUp);
  // At once, for in the same moment the runtime ends all sockets: `bye` must be before.
  onSignal(
    "production",
    (signal) => {
      endInTime();
      void stopAt(signal, running, journal).then(() => {
        // A socket whose peer broke off keeps a timer of the runtime for up to 25 s: nobody waits for that.
        Deno.unrefTimer(setTimeout(() => Deno.exit(0), GRACE_MS));
      });
    },
  );
  return hosted(
    running.app,
    (url) => {
      journal.info("server.listening", { url });
      const ignored = ignoredAt(url);
      if (ignored.length > 0) {
        journal.warn("server.settings_ignored", {
          settings: ignored.join(", "),
          meaning: "under deno serve they mean nothing: " +
            "set DENO_SERVE_ADDRESS, such as tcp:0.0.0.0:9000, and DENO_JOBS",
        });
      }
    },
  );
}

/** What is set, but not what the host does. */
function ignoredAt(url: string): string[] {
  const { port } = new URL(url);
  const set = (name: string) => Deno.env.get(name)?.trim();
  return [
    ...(set("PORT") && set("PORT") !== port ? ["PORT"] : []),
    ...(set("HOST") && urlOf(set("HOST")!, Number(port)) !== url
      ? ["HOST"]
      : []),
    ...(set("ISOLATES") ? ["ISOLATES"] : []),
  ];
}

/** The runtime would listen there in place of HOST and PORT, and give each isolate another port. */
function requireOwnAddress() {
  if (!isSet("DENO_SERVE_ADDRESS")) return;
  giveUp(
    new SettingsError([
      "DENO_SERVE_ADDRESS is for deno task serve: unset it, and set HOST and PORT.",
    ]),
  );
}

async function bootHosted() {
  const { settings, journal } = open("production");
  const running = await start(settings, { journal, transport: "hosted" });
  return { running, journal };
}

/** What the environment says, and where faults are told from now on. Throws `SettingsError`. */
function open(mode: Mode) {
  const names = listSettings().map(({ name }) => name);
  const env = names.map((name) => [name, Deno.env.get(name)]);
  const settings = readSettings(Object.fromEntries(env), mode);
  const journal = openJournal({
    level: settings.logLevel,
    form: mode === "development" ? "human" : "json",
    clock: systemClock,
    write: printLine,
  });
  logUncaught(journal);
  return { settings, journal };
}

/** Ends the process where it could not start, and says why. */
function giveUp(error: unknown): never {
  const known = error instanceof SettingsError || error instanceof ListenError;
  console.error(
    known ? error.message : `Kvorum could not start. ${failure(error).error}`,
  );
  Deno.exit(1);
}

function endInTime() {
  Deno.unrefTimer(setTimeout(() => Deno.exit(1), STOP_WITHIN_MS));
}

async function stopAt(signal: string, running: Running, journal: Journal) {
  await running.stop();
  journal.info("server.stopped", { signal });
}
