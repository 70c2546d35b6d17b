// What HTTP costs alone: the connections of `pages` asking for what is one row.
import { ask } from "../asking.ts";
import type { Work } from "../work.ts";
import { pages } from "./pages.ts";

export const profiles: Work = {
  name: "profiles",
  about: "GET /users/me by 16 keep-alive connections",
  layout: pages.layout,
  goals: {},
  async run({ serve, seeded: { tokens }, seconds }) {
    const server = await serve();
    return await ask(server, {
      tokens,
      seconds,
      path: () => "/users/me",
      leastBytes: 1,
    });
  },
};
