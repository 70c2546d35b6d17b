// The peer: a Socket.IO server under Node with a PostgreSQL beside it, both fresh for each run.
import { readUsage, type ServerProcess } from "../server.ts";
import { startPostgres } from "./postgres.ts";
import { runProcess, startProcess } from "./process.ts";

const SOURCE = new URL("socketio/", import.meta.url);
const CACHE = ".cache/bench";
/** Where its packages are: Node looks for them beside the file that it runs. */
const PLACE = `${CACHE}/socketio`;
const FILES = ["package.json", "package-lock.json", "server.mjs"];

/** Puts the server and its packages where it runs, and answers the versions. */
export async function installSocketIo(): Promise<string> {
  await Deno.mkdir(PLACE, { recursive: true });
  for (const name of FILES) {
    await Deno.copyFile(new URL(name, SOURCE), `${PLACE}/${name}`);
  }
  // The one package with a script of its own brings what that would build.
  const args = ["ci", "--ignore-scripts", "--prefer-offline"];
  await runProcess({ name: "npm", args, cwd: PLACE });
  const { dependencies } = JSON.parse(
    await Deno.readTextFile(`${PLACE}/package.json`),
  );
  const node = await runProcess({ name: "node", args: ["-v"], cwd: PLACE });
  return `Socket.IO ${dependencies["socket.io"]} on Node ${node.trim()}`;
}

/** Runs `act` with a server of its own, and leaves nothing behind. */
export async function withSocketIo<T>(
  act: (server: ServerProcess) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir({ dir: CACHE, prefix: "run-" });
  const started: { stop(): Promise<void> }[] = [];
  try {
    const database = await startPostgres(folder);
    started.push(database);
    const server = await startProcess(
      {
        name: "node",
        args: ["server.mjs"],
        cwd: PLACE,
        env: { NODE_ENV: "production", ...database.env },
      },
      "stdout",
      /port (\d+)/,
    );
    started.push(server);
    const host = `127.0.0.1:${server.said[1]}`;
    return await act({
      urls: [`http://${host}`],
      sockets: [`ws://${host}/socket.io/?EIO=4&transport=websocket`],
      // With its database, for Kvorum's is inside.
      usage: async () => readUsage(server.pid, ...await database.pids()),
      stop: server.stop,
    });
  } finally {
    for (const { stop } of started.reverse()) await stop();
    await Deno.remove(folder, { recursive: true });
  }
}
