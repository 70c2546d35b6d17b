// Everybody comes back at once, as after a restart: 10,000 clients of 10 rooms each, each with 10 messages missed a room.
import { Client } from "../generator/client.ts";
import { eachOf } from "../generator/at_once.ts";
import { Samples } from "../generator/samples.ts";
import { usageBetween } from "../server.ts";
import type { Work } from "../work.ts";

const CLIENTS = 10_000;
const ROOMS = 1000;
const MEMBERS = 100;
const MISSED = 10;
/** As many are connected and not yet up to date. */
const AT_ONCE = 200;

export const comeback: Work = {
  name: "comeback",
  about:
    "10,000 clients of 10 rooms connect, 200 at once, and resume 10 missed messages a room",
  layout: {
    name: "1000-rooms-of-100",
    users: CLIENTS,
    rooms: [{ count: ROOMS, members: MEMBERS, messages: 2 * MISSED }],
  },
  goals: { took: 10 },
  async run({ serve, seeded: { tokens, rooms } }) {
    const server = await serve();
    const places = tokens.map(
      () => ({} as Record<string, { epoch: string; seq: number }>),
    );
    for (const { id, epoch, seq, members } of rooms) {
      for (const member of members) {
        places[member]![id] = { epoch, seq: seq - MISSED };
      }
    }
    const clients: Client[] = [];
    const took = new Samples();
    const before = await server.usage();
    const startedAt = performance.now();
    await eachOf(tokens, AT_ONCE, async (token, i) => {
      const cameAt = performance.now();
      const resume = places[i]!;
      let behind = Object.keys(resume).length;
      const live = Promise.withResolvers<void>();
      const client = await Client.open(server.sockets[0]!, token, {
        told: (_, type) =>
          type === "room.live" && --behind === 0 && live.resolve(),
        failed: live.reject,
      }, { batch: true, resume });
      clients.push(client);
      await live.promise;
      took.add(performance.now() - cameAt);
    });
    const elapsed = (performance.now() - startedAt) / 1000;
    const after = await server.usage();
    const events = clients.reduce((sum, { reader }) => sum + reader.events, 0);
    for (const client of clients) client.close();
    if (events !== ROOMS * MEMBERS * MISSED) {
      throw new Error("Messages were missing.");
    }
    return {
      took: elapsed,
      answerP50: took.within(0.5),
      answerP99: took.within(0.99),
      ...usageBetween(before, after),
      serverMB: after.bytes / 1e6,
    };
  },
};
