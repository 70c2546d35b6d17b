// One room, 200 senders that have unsubscribed: how fast messages are stored and acknowledged.
import { oneRoom } from "../layout.ts";
import { talking } from "../talking.ts";
import type { Work } from "../work.ts";

export const senders: Work = {
  name: "senders",
  about: "one room, 200 senders that have unsubscribed",
  quick: true,
  layout: oneRoom(200),
  goals: { acked: 30_000, ackP99: 25 },
  run: talking({ batch: true, subscribed: false }, (crowd) => crowd.talk()),
};
