// What the server consists of, opened from the bottom up: store -> core -> realtime -> app -> listening.
import { Accounts } from "../kv/accounts/accounts.ts";
import type { PasswordSettings } from "../kv/accounts/passwords.ts";
import { type Clock, systemClock } from "../kv/clock.ts";
import type { Core } from "../kv/core.ts";
import { randomId } from "../kv/ids.ts";
import { failure, type Journal } from "../kv/journal.ts";
import { keys } from "../kv/keys.ts";
import { ChannelDoorbell } from "../kv/log/doorbell.ts";
import { Feed } from "../kv/log/feed.ts";
import { RoomLogs } from "../kv/log/writer.ts";
import { RateLimits } from "../kv/rates.ts";
import { keepSecret } from "../kv/secret.ts";
import type { Settings } from "../kv/settings.ts";
import type { Store } from "../kv/store.ts";
import { workOffJobs } from "../realtime/jobs.ts";
import { Realtime } from "../realtime/realtime.ts";
import { createApp } from "./app.ts";
import { isFile, openDatabase } from "./database.ts";
import { Hints } from "./hints.ts";
import { listen, type Transport } from "./listen.ts";
import { believing } from "./proxies.ts";
import { type Answering, type Sharing, urlOf } from "./serve.ts";
import { upgradeNative } from "./upgrade_native.ts";

const SECRET_FILE = "data/secret";
const UNTRUSTED =
  "Requests come with X-Forwarded-For, but TRUST_PROXY is not set: " +
  "where a proxy stands in front, all who come through it share its address and its limits.";
/** How long requests under way are waited for. */
const GRACE_MS = 2_000;

export interface Running {
  /** Where people reach it, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly app: Answering;
  readonly core: Core;
  readonly realtime: Realtime;
  stop(): Promise<void>;
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
  const hints = new Hints(clock, journal);
  const stopping = new AbortController();
  try {
    const feed = new Feed(
      store,
      clock,
      randomId(),
      isFile(settings.kv) ? new ChannelDoorbell(settings.kv) : undefined,
    );
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
          {
            ...settings.identityProvider,
            fetch,
            report,
            refused: (reason, said) =>
              hints.tell("identity.refused", reason, said),
          },
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
    const loops = Promise.all([
      realtime.run(stopping.signal),
      workOffJobs(core, report, stopping.signal),
    ]).catch(report);
    const ready = () => !stopping.signal.aborted;
    const { host, publicUrl, origins } = settings;
    const addressOf = believing(
      settings.trustProxy,
      () => hints.tell("proxy.untrusted", UNTRUSTED, {}, Infinity),
    );
    const entrance = { ...settings, addressOf, hints };
    const sockets = upgradeNative(realtime, entrance);
    const app = createApp({
      core,
      journal,
      rates,
      publicUrl,
      origins,
      addressOf,
      hints,
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
    stopping.abort();
    store.close();
    throw error;
  }
}

/** How many passwords may be hashed at once: the isolates share the machine. */
function ownCores({ isolates }: Settings): number {
  return Math.max(1, Math.floor(navigator.hardwareConcurrency / isolates));
}
