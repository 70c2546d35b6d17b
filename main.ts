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
import { isUrl } from "./kv/setting_forms.ts";
import { openStore, type Store } from "./kv/store.ts";
import { workOffJobs } from "./realtime/jobs.ts";
import { Realtime } from "./realtime/realtime.ts";
import { createApp } from "./routes/app.ts";
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
  listen,
  type Transport,
} from "./routes/listen.ts";
import { logUncaught, onSignal, printLine } from "./routes/process.ts";
import {
  type Answering,
  ListenError,
  type Sharing,
  urlOf,
} from "./routes/serve.ts";
import { believing } from "./routes/proxies.ts";
import { upgradeNative } from "./routes/upgrade_native.ts";

const SECRET_FILE = "data/secret";
const NO_DATABASE =
  "No database is attached: assign a Deno KV database to the app in Deno Deploy's console.";
const KV_ON_DEPLOY =
  "KV is set: leave it unset, for on Deno Deploy the database is the one that is assigned to the app.";
/** How long requests under way are waited for. */
const GRACE_MS = 2_000;
/** After this long the process ends whatever still hangs; five seconds are promised. */
const STOP_WITHIN_MS = 4_000;

export interface Running {
  /** Where people reach it, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly app: Answering;
  readonly core: Core;
  readonly realtime: Realtime;
  stop(): Promise<void>;
}

/** What the tasks of these names do with the database and a file, instead of serving. */
const ON_FILES = new Map([["backup", backUp], ["restore", restore]]);

/** What `deno serve`, which listens itself, asks for; none where this program listens. */
export default import.meta.main ? await main() : undefined;

async function main(): Promise<Deno.ServeDefaultExport | undefined> {
  const [task = "", file = ""] = Deno.args;
  const onFile = ON_FILES.get(task);
  // `deno serve` can't be told from `deno run` before it asks, so its task says so, and Deno where it serves unasked.
  if (task === "serve" || isSet("DENO_AUTO_SERVE")) return await host();
  if (onFile) return void await runOnFile(onFile, file);
  if (isOnDeploy()) return void await run("production", "native");
  const mode = Deno.args.includes("--dev") ? "development" : "production";
  if (isFurtherIsolate()) await runFurtherIsolate((port) => beside(mode, port));
  else await run(mode, "node");
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

async function run(mode: Mode, transport: Transport) {
  const signalled = new Promise<string>((told) => onSignal(mode, told));
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
  const { running, journal } = await bootHosted().catch(giveUp);
  // At once, for in the same moment the runtime ends all sockets: `bye` must be before.
  onSignal(
    "production",
    (signal) =>
      void stopAt(signal, running, journal).then(() => {
        // A socket whose peer broke off keeps a timer of the runtime for up to 25 s: nobody waits for that.
        Deno.unrefTimer(setTimeout(() => Deno.exit(0), GRACE_MS));
      }),
  );
  return hosted(
    running.app,
    (url) => journal.info("server.listening", { url }),
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

async function stopAt(signal: string, running: Running, journal: Journal) {
  Deno.unrefTimer(setTimeout(() => Deno.exit(1), STOP_WITHIN_MS));
  await running.stop();
  journal.info("server.stopped", { signal });
}

/** What a test puts in place of the real thing. */
interface Parts {
  readonly journal: Journal;
  readonly transport?: Transport;
  readonly sharing?: Sharing;
  readonly clock?: Clock;
  readonly store?: Store;
  readonly passwords?: PasswordSettings;
}

/** Opens what the server consists of, from the bottom up; `stop` closes it from the top down. */
export async function start(
  settings: Settings,
  { journal, transport = "node", sharing, clock = systemClock, ...parts }:
    Parts,
): Promise<Running> {
  const secret = settings.secret ?? await keepSecret(SECRET_FILE);
  const store = parts.store ??
    await openDatabase(settings.kv, transport, clock);
  const report = (thrown: unknown) =>
    journal.error("server.fault", failure(thrown));
  try {
    const feed = new Feed(store, clock, randomId());
    // Raised when a backup is restored, so that clients see a new `epoch`.
    const generation = await store.get<number>(keys.generation());
    const core: Core = {
      store,
      clock,
      feed,
      logs: new RoomLogs({ store, clock, feed }, generation.value ?? 0),
      accounts: new Accounts({
        store,
        clock,
        secret,
        issuer: "kvorum",
        audience: "kvorum",
        accessTokenSeconds: settings.accessTokenSeconds,
        refreshTokenSeconds: settings.refreshTokenSeconds,
        passwords: parts.passwords ?? { cores: ownCores(settings) },
        signup: settings.signup,
        provider: settings.identityProvider &&
          { ...settings.identityProvider, fetch, report },
      }),
    };
    if (await core.accounts.signingKeys.areLocked()) {
      journal.warn("server.other_secret", {
        meaning: "SECRET is not the one this database was used with: " +
          "everybody must sign in again",
      });
    }
    const rates = new RateLimits(clock, settings.rateScale);
    const realtime = new Realtime(core, rates, report);
    const stopping = new AbortController();
    const loops = Promise.all([
      realtime.run(stopping.signal),
      workOffJobs(core, report, stopping.signal),
    ]).catch(report);
    const ready = () => !stopping.signal.aborted;
    const { host, publicUrl, origins } = settings;
    const addressOf = believing(settings.trustProxy);
    const entrance = { ...settings, addressOf };
    const sockets = upgradeNative(realtime, entrance);
    const app = createApp({
      core,
      journal,
      rates,
      publicUrl,
      origins,
      addressOf,
      ready,
      sockets,
    });
    const serving = await listen(transport, app, realtime, {
      ...entrance,
      sharing,
    });
    return {
      url: publicUrl ?? urlOf(host, serving.port),
      port: serving.port,
      app,
      core,
      realtime,
      async stop() {
        stopping.abort();
        // Goodbyes first: Deno's own way to end closes its sockets at once.
        realtime.drain();
        await serving.close(GRACE_MS);
        await loops;
        store.close();
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** How many passwords may be hashed at once: the isolates share the machine. */
function ownCores({ isolates }: Settings): number {
  return Math.max(1, Math.floor(navigator.hardwareConcurrency / isolates));
}

async function openDatabase(path: string, transport: Transport, clock: Clock) {
  if (isOnDeploy()) return await openAttached(clock);
  if (transport === "hosted" && path === ":memory:") {
    throw new SettingsError(["KV is :memory:, which isolates can't share."]);
  }
  if (path.startsWith("data/")) {
    await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  }
  return await openStore(path, clock);
}

/** Opens the database that Deno Deploy attaches. Without one, Deno would open one in memory and say nothing. */
async function openAttached(clock: Clock): Promise<Store> {
  const [own, path, prefix = ""] = [
    "KV",
    "DENO_KV_DEFAULT_PATH",
    "DENO_KV_PATH_PREFIX",
  ]
    .map((name) => Deno.env.get(name));
  if (own) throw new SettingsError([KV_ON_DEPLOY]);
  if (!path || !isUrl(prefix + path)) throw new SettingsError([NO_DATABASE]);
  return await openStore(undefined, clock);
}
