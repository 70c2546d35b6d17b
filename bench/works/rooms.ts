// 500 rooms of 10, all talking: 5,000 people on a socket each, each its next message when the last is acknowledged.
import { talking } from "../talking.ts";
import type { Work } from "../work.ts";

export const rooms: Work = {
  name: "rooms",
  about: "500 rooms of 10, all 5,000 members sending, batch frames",
  quick: true,
  layout: {
    name: "500-rooms-of-10",
    users: 5000,
    rooms: [{ count: 500, members: 10 }],
  },
  goals: { acked: 10_000 },
  run: talking({ batch: true, subscribed: true }, (crowd) => crowd.talk()),
};
