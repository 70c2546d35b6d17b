// The table of works, in the order in which they are run.
import { across } from "./works/across.ts";
import { catchUp } from "./works/catch_up.ts";
import { comeback } from "./works/comeback.ts";
import { fanout100, fanout1000, fanout50 } from "./works/fanout.ts";
import { idle } from "./works/idle.ts";
import { lists } from "./works/lists.ts";
import { pages } from "./works/pages.ts";
import { paging } from "./works/paging.ts";
import { pings } from "./works/pings.ts";
import { profiles } from "./works/profiles.ts";
import { rooms } from "./works/rooms.ts";
import { senders } from "./works/senders.ts";
import { start } from "./works/start.ts";
import { storeComeback, storeLists, storePages } from "./works/store.ts";
import { talk } from "./works/talk.ts";
import { talkSingle } from "./works/talk_single.ts";
import type { Work } from "./work.ts";

export const WORKS: readonly Work[] = [
  senders,
  talk,
  talkSingle,
  fanout100,
  fanout1000,
  fanout50,
  rooms,
  idle,
  comeback,
  catchUp,
  paging,
  lists,
  pages,
  start,
  across,
  pings,
  profiles,
  storeComeback,
  storeLists,
  storePages,
  beside(senders),
  beside(talk),
  beside(rooms),
  beside(pages),
];

/** The same work done by two isolates, which is to be read beside that of one. */
function beside(work: Work): Work {
  const { quick: _, ...rest } = work;
  return {
    ...rest,
    name: `${work.name}-2`,
    about: `${work.about}; two isolates`,
    isolates: 2,
    goals: {},
  };
}
