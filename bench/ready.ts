// How soon a server answers after it was started: 20 starts on one database, the first of which makes it.
// Exits with 1 where one took a second. Run with:
//   deno run --allow-net=127.0.0.1 --allow-run=deno --allow-read=. --allow-write=.cache bench/ready.ts
import { startServer } from "./server.ts";

const STARTS = 20;
const WITHIN_MS = 1_000;

await Deno.mkdir(".cache", { recursive: true });
const folder = await Deno.makeTempDir({ dir: ".cache", prefix: "bench-" });
const tookMs: number[] = [];
try {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  for (let i = 0; i < STARTS; i++) {
    const startedAt = performance.now();
    const server = await startServer(folder, secret);
    const { ok, body } = await fetch(`${server.url}/readyz`);
    if (!ok) throw new Error("The server is not ready although it listens.");
    tookMs.push(performance.now() - startedAt);
    await body?.cancel();
    await server.stop();
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
tookMs.sort((a, b) => a - b);
const [median, longest] = [tookMs[STARTS / 2]!, tookMs.at(-1)!];
console.log(
  `ready after ${median.toFixed(0)} ms (median), ${
    longest.toFixed(0)
  } ms (longest) of ${STARTS} starts`,
);
if (longest >= WITHIN_MS) Deno.exit(1);
