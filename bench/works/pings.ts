// What a socket's way in and out costs alone: the work of `senders` with commands of which nothing is stored.
import { pingOf } from "../generator/client.ts";
import { talking } from "../talking.ts";
import type { Work } from "../work.ts";
import { senders } from "./senders.ts";

export const pings: Work = {
  name: "pings",
  about: "the same 200 sockets, each sending `ping`: nothing is stored",
  layout: senders.layout,
  goals: {},
  run: talking(
    { batch: true, subscribed: false, saying: pingOf },
    (crowd) => crowd.talk(),
  ),
};
