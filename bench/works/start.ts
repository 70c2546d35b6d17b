// From the start of the process to the first answer, on a database that exists.
import { oneRoom } from "../layout.ts";
import { median } from "../generator/samples.ts";
import type { Work } from "../work.ts";

const STARTS = 5;

export const start: Work = {
  name: "start",
  about:
    "start of the process to its first answer, the median of five starts on one database",
  quick: true,
  layout: oneRoom(40),
  goals: { tookMs: 500 },
  async run({ serve }) {
    const tookMs: number[] = [];
    for (let i = 0; i < STARTS; i++) {
      const startedAt = performance.now();
      const server = await serve();
      const { ok, body } = await fetch(`${server.urls[0]}/readyz`);
      tookMs.push(performance.now() - startedAt);
      await body?.cancel();
      if (!ok) throw new Error("The server is not ready although it listens.");
      await server.stop();
    }
    return { tookMs: median(tookMs) };
  },
};
