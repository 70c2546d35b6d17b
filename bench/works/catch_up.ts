// One client that missed 10,000 messages of a room: from its hello to the moment it has them all.
import { Client } from "../generator/client.ts";
import { median } from "../generator/samples.ts";
import type { Work } from "../work.ts";

const MISSED = 10_000;
const MEMBERS = 10;
const TIMES = 10;

export const catchUp: Work = {
  name: "catch-up",
  about:
    "one client catches up on 10,000 messages of a room, batch frames, the median of ten times",
  quick: true,
  layout: {
    name: "room-of-10000-messages",
    users: MEMBERS,
    rooms: [{ count: 1, members: MEMBERS, messages: MISSED + TIMES }],
  },
  goals: { tookMs: 100 },
  async run({ serve, seeded: { tokens, rooms } }) {
    const server = await serve();
    const { id, epoch, seq } = rooms[0]!;
    const tookMs: number[] = [];
    for (let i = 0; i < TIMES; i++) {
      const live = Promise.withResolvers<void>();
      const client = await Client.connect(server.sockets[0]!, {
        told: (_, type) => type === "room.live" && live.resolve(),
        failed: live.reject,
      });
      const startedAt = performance.now();
      // Never the same pages: a server remembers for a moment what it has just read.
      const missed = MISSED + i;
      const resume = { [id]: { epoch, seq: seq - missed } };
      await client.hello(tokens[0]!, { batch: true, resume });
      await live.promise;
      tookMs.push(performance.now() - startedAt);
      client.close();
      if (client.reader.events !== missed) {
        throw new Error("Messages were missing.");
      }
    }
    return { tookMs: median(tookMs) };
  },
};
