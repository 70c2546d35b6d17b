// The same as talk for clients that take no batch frames: half of it is expected.
import { oneRoom } from "../layout.ts";
import { talking } from "../talking.ts";
import type { Work } from "../work.ts";

export const talkSingle: Work = {
  name: "talk-single",
  about: "one room, 40 members all sending, each event a frame",
  quick: true,
  layout: oneRoom(40),
  goals: { acked: 9_000, delivered: 360_000, ackP99: 20, perMillion: 2.6 },
  run: talking({ batch: false, subscribed: true }, (crowd) => crowd.talk()),
};
