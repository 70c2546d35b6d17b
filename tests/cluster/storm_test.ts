// The storm spread over several isolates: each connection and each request goes to any of them.
import { fork, openRandom, pickNumber } from "../protocol/random.ts";
import { storm } from "../protocol/storm.ts";
import { clustered } from "./isolates.ts";

for (const isolates of [2, 4]) {
  for (const transport of ["node", "native"] as const) {
    Deno.test(`the storm over ${isolates} isolates, ${transport} sockets: everybody sees the same log, each message once`, async () => {
      const random = openRandom("storm");
      const choices = fork(random);
      await clustered(async (all) => {
        const any = () => all[pickNumber(choices, 0, all.length - 1)]!;
        await storm({
          join: (username) => any().join(username),
          group: (...people) => any().group(...people),
          ask: (who, method, path, json) => any().ask(who, method, path, json),
          open: () => any().open(),
          connect: (...hello) => any().connect(...hello),
        }, random);
      }, { isolates, transport, random });
    });
  }
}
