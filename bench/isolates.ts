// A server whose isolates listen on a port each, so that a client chooses who serves it: as many as ISOLATES says, in workers.
import { systemClock } from "../kv/clock.ts";
import { openJournal } from "../kv/journal.ts";
import { readSettings } from "../kv/settings.ts";
import { openStore } from "../kv/store.ts";
import { printLine } from "../routes/process.ts";
import { start } from "../routes/server.ts";

/** Where a server keeps its data when nothing is said. */
const DATABASE = "data/kvorum.db";
const NAMES = ["SECRET", "RATE_SCALE"];

if ("WorkerGlobalScope" in globalThis) await serve();
else {
  for (let i = 0; i < Number(Deno.env.get("ISOLATES")); i++) {
    new Worker(import.meta.url, { type: "module" });
  }
  await new Promise<void>((resolve) =>
    Deno.addSignalListener("SIGINT", resolve)
  );
  Deno.exit(0);
}

async function serve(): Promise<void> {
  const env = NAMES.map((name) => [name, Deno.env.get(name)]);
  const settings = readSettings(
    { ...Object.fromEntries(env), PORT: "0", HOST: "127.0.0.1" },
    "production",
  );
  const journal = openJournal({
    level: settings.logLevel,
    form: "json",
    clock: systemClock,
    write: printLine,
  });
  const store = await openStore(DATABASE);
  const { url } = await start(settings, { journal, store });
  journal.info("server.listening", { url });
}
