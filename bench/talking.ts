// How works are run in which people talk: seats for all, a way to talk, and in the end everything has come.
import type { Figures } from "./figures.ts";
import { Crowd, type CrowdOptions, type Seat } from "./generator/crowd.ts";
import type { Seeded } from "./layout.ts";
import type { ServerProcess } from "./server.ts";
import type { Work } from "./work.ts";

/** Every member of every room sits there, once. */
export function seatsIn({ rooms, tokens }: Seeded): Seat[] {
  return rooms.flatMap(({ id, members }) =>
    members.map((member) => ({ token: tokens[member]!, room: id }))
  );
}

/** @param begin has the crowd talk */
export function talking(
  options: CrowdOptions,
  begin: (crowd: Crowd) => void,
): Work["run"] {
  return async ({ serve, seeded, seconds }) => {
    const server = await serve();
    const crowd = await Crowd.open(server, seatsIn(seeded), options);
    return await measureTalk(crowd, server, seconds, begin);
  };
}

/** Measures a crowd's talk until everything has come, and sends the crowd home. */
export async function measureTalk(
  crowd: Crowd,
  server: ServerProcess,
  seconds: number,
  begin: (crowd: Crowd) => void,
): Promise<Figures> {
  try {
    begin(crowd);
    const figures = await crowd.measure(server, seconds);
    await crowd.settle();
    return figures;
  } finally {
    crowd.close();
  }
}
