// Paging in a room of 1,000,000 messages against one of 1,000: the same requests, in turn, one after the other.
import { ask } from "../asking.ts";
import { PAGE_BYTES, pageOf } from "../history.ts";
import type { Work } from "../work.ts";

const MEMBERS = 10;
/** The two take turns within a run, so that what else the machine does meets both. */
const TURNS = 4;

export const paging: Work = {
  name: "paging",
  about:
    "history pages in a room of 1,000,000 messages: time, and its ratio to a room of 1,000",
  layout: {
    name: "room-of-1000000-messages",
    users: MEMBERS,
    rooms: [
      { count: 1, members: MEMBERS, messages: 1000 },
      { count: 1, members: MEMBERS, messages: 1_000_000 },
    ],
  },
  goals: { ratio: 1.5 },
  async run({ serve, seeded, seconds }) {
    const server = await serve();
    const [small, large] = seeded.rooms;
    const tokens = seeded.tokens.slice(0, 1);
    const askIn = (room: typeof small) =>
      ask(server, {
        tokens,
        seconds: seconds / TURNS,
        path: () => pageOf(room!),
        leastBytes: PAGE_BYTES,
      });
    const ratios: number[] = [];
    let figures = await askIn(large);
    for (let turn = 0; turn < TURNS; turn++) {
      const ofSmall = await askIn(small);
      figures = await askIn(large);
      ratios.push(figures.answerP50! / ofSmall.answerP50!);
    }
    return {
      ...figures,
      ratio: ratios.reduce((sum, ratio) => sum + ratio) / TURNS,
    };
  },
};
