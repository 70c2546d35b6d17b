// 10,000 idle authenticated sockets: what each of them takes of memory, and all of them of a core; and how
// fast they say hello.
import { Client } from "../generator/client.ts";
import { eachOf } from "../generator/at_once.ts";
import { usageBetween } from "../server.ts";
import type { Work } from "../work.ts";

const SOCKETS = 10_000;
const OPENING = 100;
/** So that what is loaded and compiled with the first sockets is not counted as theirs. */
const WARMING = 200;
/** After the last hello, before anything is measured. */
const SETTLE_SECONDS = 5;

export const idle: Work = {
  name: "idle",
  about:
    "10,000 idle authenticated sockets, each of a user of its own without rooms",
  layout: { name: "10000-users", users: SOCKETS, rooms: [] },
  goals: { perSocket: 16, serverCores: 0.03 },
  async run({ serve, seeded: { tokens }, seconds }) {
    const server = await serve();
    const failed = Promise.withResolvers<never>();
    const clients: Client[] = [];
    const open = (tokens: readonly string[]) =>
      eachOf(tokens, OPENING, async (token) => {
        clients.push(
          await Client.open(server.sockets[0]!, token, {
            failed: failed.reject,
          }, { batch: true }),
        );
      });
    const pass = (seconds: number) =>
      Promise.race([
        new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
        failed.promise,
      ]);
    await open(tokens.slice(0, WARMING));
    await pass(SETTLE_SECONDS);
    const before = await server.usage();
    const openedAt = performance.now();
    await open(tokens.slice(WARMING));
    const opening = (performance.now() - openedAt) / 1000;
    await pass(SETTLE_SECONDS);
    const opened = await server.usage();
    // Longer than a heartbeat, so that every socket was pinged.
    await pass(Math.max(30, seconds));
    const after = await server.usage();
    for (const client of clients) client.close();
    return {
      perSocket: (after.bytes - before.bytes) / (SOCKETS - WARMING) / 1000,
      answered: (SOCKETS - WARMING) / opening,
      ...usageBetween(opened, after),
      serverMB: after.bytes / 1e6,
    };
  },
};
