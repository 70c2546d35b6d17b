// History pages of 50 by many keep-alive connections: pages a second.
import { ask } from "../asking.ts";
import { PAGE_BYTES, pageOf } from "../history.ts";
import type { Work } from "../work.ts";

const CONNECTIONS = 16;

export const pages: Work = {
  name: "pages",
  about: "history pages of 50 at random places, 16 keep-alive connections",
  quick: true,
  layout: {
    name: "room-of-1000-messages",
    users: CONNECTIONS,
    rooms: [{ count: 1, members: CONNECTIONS, messages: 1000 }],
  },
  goals: { answered: 3_000 },
  async run({ serve, seeded: { tokens, rooms }, seconds }) {
    const server = await serve();
    return await ask(server, {
      tokens,
      seconds,
      path: () => pageOf(rooms[0]!),
      leastBytes: PAGE_BYTES,
    });
  },
};
