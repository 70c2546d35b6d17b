// One room of 1,000 sockets: at a steady pace, at ten times that pace, and as fast as 50 of them can send.
import { oneRoom } from "../layout.ts";
import { talking } from "../talking.ts";
import type { Work } from "../work.ts";

const ALL = { batch: true, subscribed: true };
const layout = oneRoom(1000);

export const fanout100: Work = {
  name: "fanout-100",
  about: "one room, 1,000 sockets, 100 messages/s by all in turn",
  quick: true,
  layout,
  goals: { deliveryP99: 10, serverCores: 0.6 },
  run: talking(ALL, (crowd) => crowd.talkAt(100)),
};

export const fanout1000: Work = {
  name: "fanout-1000",
  about: "one room, 1,000 sockets, 1,000 messages/s by all in turn",
  quick: true,
  layout,
  // A hundredth less than a million, for the edges of the time that is measured.
  goals: { delivered: 990_000, deliveryP99: 40 },
  run: talking(ALL, (crowd) => crowd.talkAt(1000)),
};

export const fanout50: Work = {
  name: "fanout-50",
  about: "one room, 1,000 sockets, 50 of them sending closed-loop",
  layout,
  goals: { delivered: 3_000_000 },
  run: talking(ALL, (crowd) => crowd.talk(50)),
};
