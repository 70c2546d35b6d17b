// One isolate of a cluster under test: the server as main.ts starts it, in a worker, with a thread that can be frozen.
import { systemClock } from "../../kv/clock.ts";
import type { Fields } from "../../kv/journal.ts";
import { readSettings } from "../../kv/settings.ts";
import { openStore } from "../../kv/store.ts";
import { type Running, start } from "../../routes/server.ts";
import { COST } from "../accounts/world.ts";
import { FakeClock } from "../fake_clock.ts";
import { seeded } from "../protocol/random.ts";
import { unsteady } from "../protocol/unsteady_store.ts";

export interface StartOrder {
  readonly what: "start";
  /** A file that all isolates share. */
  readonly database: string;
  readonly secret: string;
  readonly transport: "node" | "native";
  /** Where given, the store answers late now and then. */
  readonly seed: number | null;
  /** Its clock stands, so that it hears of nothing by polling. */
  readonly stands: boolean;
}

export interface FreezeOrder {
  readonly what: "freeze";
  /** The thread stands still until the number in it is 1. */
  readonly gate: SharedArrayBuffer;
}

export type Order = StartOrder | FreezeOrder | { readonly what: "stop" };

/** Where it listens; or, at its end, the faults that it logged. */
export type Report =
  | { readonly url: string }
  | { readonly faults: readonly string[] };

const scope = globalThis as unknown as {
  onmessage(event: MessageEvent<Order>): void;
  postMessage(report: Report): void;
};

let running: Running | null = null;
const faults: string[] = [];

scope.onmessage = async ({ data: order }) => {
  switch (order.what) {
    case "start":
      running = await open(order);
      return scope.postMessage({ url: running.url });
    case "freeze":
      Atomics.wait(new Int32Array(order.gate), 0, 0);
      return;
    case "stop":
      await running?.stop();
      return scope.postMessage({ faults });
  }
};

async function open(
  { database, secret, transport, seed, stands }: StartOrder,
): Promise<Running> {
  const settings = readSettings(
    { PORT: "0", RATE_SCALE: "0", SECRET: secret },
    "development",
  );
  const store = await openStore(database);
  const note = (event: string, fields?: Fields) =>
    faults.push(`${event} ${JSON.stringify(fields)}`);
  const quiet = () => {};
  // By its path the isolates choose how they wake each other, which must be as main.ts has it.
  return await start({ ...settings, kv: database }, {
    journal: { debug: quiet, info: quiet, warn: note, error: note },
    transport,
    clock: stands ? new FakeClock() : systemClock,
    passwords: { cores: 1, cost: COST },
    store: seed === null ? store : unsteady(store, seeded(seed)),
  });
}
