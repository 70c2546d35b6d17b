// A first load run: messages persisted and acknowledged per second in one room, by senders that have unsubscribed.
import { parseArgs } from "node:util";
import { seed } from "./seed.ts";
import { Sender } from "./sender.ts";
import { type ServerUnderLoad, startServer } from "./server.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    senders: { type: "string", default: "200" },
    seconds: { type: "string", default: "5" },
    runs: { type: "string", default: "5" },
    isolates: { type: "string", default: "1" },
    bytes: { type: "string", default: "200" },
  },
});
const senders = Number(values.senders);
const seconds = Number(values.seconds);
const text = "x".repeat(Number(values.bytes));

interface Run {
  readonly perSecond: number;
  /** Of the acknowledgements, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Processor seconds of the server per second. */
  readonly cores: number;
}

await Deno.mkdir(".cache", { recursive: true });
const folder = await Deno.makeTempDir({ dir: ".cache", prefix: "bench-" });
try {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  await Deno.mkdir(`${folder}/data`);
  const { room, tokens } = await seed(
    `${folder}/data/kvorum.db`,
    secret,
    senders,
  );
  const server = await startServer(folder, secret, Number(values.isolates));
  const url = `${server.url.replace("http", "ws")}/api/v1/ws`;
  const open = await Promise.all(
    tokens.map((token, i) => Sender.open(url, token, room, text, `s${i}`)),
  );
  await measure(server, open, 2);
  const runs: Run[] = [];
  for (let i = 0; i < Number(values.runs); i++) {
    runs.push(await measure(server, open, seconds));
    console.log(`run ${i + 1}: ${format(runs.at(-1)!)}`);
  }
  console.log(
    `${senders} senders, ${text.length} bytes, medians of ${runs.length} runs of ${seconds} s: ` +
      format({
        perSecond: median(runs.map((run) => run.perSecond)),
        p50: median(runs.map((run) => run.p50)),
        p99: median(runs.map((run) => run.p99)),
        cores: median(runs.map((run) => run.cores)),
      }),
  );
  for (const sender of open) sender.close();
  await server.stop();
} finally {
  await Deno.remove(folder, { recursive: true });
}

async function measure(
  server: ServerUnderLoad,
  open: readonly Sender[],
  seconds: number,
): Promise<Run> {
  const tookMs: number[] = [];
  const before = await server.cpuSeconds();
  const startedAt = performance.now();
  const running = open.map((sender) => sender.run((ms) => tookMs.push(ms)));
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const elapsed = (performance.now() - startedAt) / 1000;
  const cores = (await server.cpuSeconds() - before) / elapsed;
  for (const sender of open) sender.stop();
  const acked = tookMs.length;
  await Promise.all(running);
  const sorted = Float64Array.from(tookMs.slice(0, acked)).sort();
  return {
    perSecond: acked / elapsed,
    p50: sorted[Math.floor(acked * 0.5)] ?? NaN,
    p99: sorted[Math.floor(acked * 0.99)] ?? NaN,
    cores,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

function format({ perSecond, p50, p99, cores }: Run): string {
  return `${Math.round(perSecond)} acked/s, p50 ${p50.toFixed(1)} ms, ` +
    `p99 ${p99.toFixed(1)} ms, server ${cores.toFixed(2)} cores`;
}
