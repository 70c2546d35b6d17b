// Where a work is run: on a fresh copy of its seeded database, with servers that end when the run does.
import { prepare } from "./databases.ts";
import { type ServerProcess, startServer, type Transport } from "./server.ts";
import type { Stage, Work } from "./work.ts";

/** How a work is run, where it does not say itself. */
export interface StageOptions {
  readonly seconds: number;
  readonly isolates: number;
  readonly transport: Transport;
}

/** Runs `act` on a stage of its own and leaves nothing behind. */
export async function onStage<T>(
  { layout, isolates, apart = false }: Pick<
    Work,
    "layout" | "isolates" | "apart"
  >,
  options: StageOptions,
  act: (stage: Stage) => Promise<T>,
): Promise<T> {
  const { seeded, copy } = await prepare(layout);
  const folder = await copy();
  const servers: ServerProcess[] = [];
  try {
    return await act({
      seeded,
      folder,
      seconds: options.seconds,
      serve: async () => {
        const server = await startServer({
          folder,
          secret: seeded.secret,
          transport: options.transport,
          isolates: isolates ?? options.isolates,
          apart,
        });
        servers.push(server);
        return server;
      },
    });
  } finally {
    for (const server of servers) await server.stop();
    await Deno.remove(folder, { recursive: true });
  }
}
