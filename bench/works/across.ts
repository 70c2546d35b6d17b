// Two isolates: how long a message takes to those whom the other isolate serves, beside those whom its sender's serves.
import { Client } from "../generator/client.ts";
import { pace } from "../generator/pace.ts";
import { Samples } from "../generator/samples.ts";
import { Settling } from "../generator/settling.ts";
import { oneRoom } from "../layout.ts";
import { usageBetween } from "../server.ts";
import type { Work } from "../work.ts";

const MEMBERS = 20;
const PER_SECOND = 400;
const WARM_UP_SECONDS = 2;

export const across: Work = {
  name: "across",
  about:
    "one room, 10 sockets at each of two isolates, 400 messages/s by those at the first",
  layout: oneRoom(MEMBERS),
  isolates: 2,
  apart: true,
  goals: { deliveryP99: 5 },
  async run({ serve, seeded: { tokens, rooms }, seconds }) {
    const server = await serve();
    const room = rooms[0]!.id;
    const failed = Promise.withResolvers<never>();
    /** Of the sockets of each isolate. */
    let times = [new Samples(), new Samples()];
    const clients = await Promise.all(tokens.map((token, i) => {
      const isolate = i % 2;
      return Client.open(server.sockets[isolate]!, token, {
        delivered: (ms) => times[isolate]!.add(ms),
        failed: failed.reject,
      }, { batch: true, thorough: true });
    }));
    const settling = new Settling(
      clients.map((talker) => ({ talker, room })),
      { listening: true, numbered: true },
    );
    const senders = clients.filter((_, i) => i % 2 === 0);
    const pass = (seconds: number) =>
      Promise.race([
        failed.promise,
        new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
      ]);
    const talking = new AbortController();
    let next = 0;
    const send = (dueAt: number) =>
      senders[next++ % senders.length]!.send(room, dueAt);
    pace(PER_SECOND, send, talking.signal).catch(failed.reject);
    try {
      await pass(WARM_UP_SECONDS);
      const before = await server.usage();
      times = [new Samples(), new Samples()];
      await pass(seconds);
      const [own, other] = times;
      const usage = usageBetween(before, await server.usage());
      times = [new Samples(), new Samples()];
      talking.abort();
      await settling.wait(pass);
      return {
        ownP50: own!.within(0.5),
        ownP99: own!.within(0.99),
        deliveryP50: other!.within(0.5),
        deliveryP99: other!.within(0.99),
        ...usage,
      };
    } finally {
      talking.abort();
      for (const client of clients) client.close();
    }
  },
};
