// How works are run in which REST is asked: so many keep-alive connections, each its next request when the last is answered.
import type { Figures } from "./figures.ts";
import { RestConnection } from "./generator/http.ts";
import { Samples } from "./generator/samples.ts";
import { type ServerProcess, usageBetween } from "./server.ts";

const WARM_UP_SECONDS = 1;

export interface Asking {
  /** A connection for each of these tokens. */
  readonly tokens: readonly string[];
  readonly seconds: number;
  /** The next path to ask for. */
  path(): string;
  /** An answer of fewer bytes lacks something. */
  readonly leastBytes: number;
}

/** Warms up, then measures. */
export async function ask(
  server: ServerProcess,
  { tokens, seconds, path, leastBytes }: Asking,
): Promise<Figures> {
  const connections = await Promise.all(
    tokens.map((token, i) =>
      RestConnection.open(server.urls[i % server.urls.length]!, token)
    ),
  );
  try {
    let took = new Samples();
    let asking = true;
    const loops = Promise.all(connections.map(async (connection) => {
      while (asking) {
        const askedAt = performance.now();
        if (await connection.get(path()) < leastBytes) {
          throw new Error("An answer was too short.");
        }
        took.add(performance.now() - askedAt);
      }
    }));
    // What fails is thrown while it is waited for; what fails in between, at the end.
    const pass = (seconds: number) =>
      Promise.race([
        loops,
        new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
      ]);
    await pass(WARM_UP_SECONDS);
    const before = await server.usage();
    took = new Samples();
    const startedAt = performance.now();
    await pass(seconds);
    const measured = took;
    took = new Samples();
    const elapsed = (performance.now() - startedAt) / 1000;
    const usage = usageBetween(before, await server.usage());
    asking = false;
    await loops;
    return {
      answered: measured.count / elapsed,
      answerP50: measured.within(0.5),
      answerP99: measured.within(0.99),
      ...usage,
    };
  } finally {
    for (const connection of connections) connection.close();
  }
}
