// GET /rooms of a user with 500 rooms, one request after the other.
import { ask } from "../asking.ts";
import type { Work } from "../work.ts";

const LISTED = 100;

export const lists: Work = {
  name: "lists",
  about: "GET /rooms of a user with 500 rooms, 100 a page, one connection",
  quick: true,
  layout: {
    name: "500-rooms-of-2",
    users: 2,
    rooms: [{ count: 500, members: 2, messages: 1 }],
  },
  goals: { answerP99: 20 },
  async run({ serve, seeded, seconds }) {
    const server = await serve();
    const tokens = seeded.tokens.slice(0, 1);
    return await ask(server, {
      tokens,
      seconds,
      path: () => "/rooms",
      // Each with its last message.
      leastBytes: LISTED * 200,
    });
  },
};
