// One room, 40 members all sending: each its next message when the last is acknowledged.
import { oneRoom } from "../layout.ts";
import { talking } from "../talking.ts";
import type { Work } from "../work.ts";

export const talk: Work = {
  name: "talk",
  about: "one room, 40 members all sending, batch frames",
  quick: true,
  layout: oneRoom(40),
  goals: { acked: 18_000, delivered: 720_000, ackP99: 10, perMillion: 1.3 },
  run: talking({ batch: true, subscribed: true }, (crowd) => crowd.talk()),
};
