// A PostgreSQL of its own for one run: Debian's server on a fresh cluster with the settings it comes with.
import { type Command, runProcess, startProcess } from "./process.ts";

/** Where Debian's package `postgresql` puts its versions. */
const VERSIONS = "/usr/lib/postgresql";
const USER = "postgres";

export interface Database {
  /** How a client finds it. */
  readonly env: Readonly<Record<string, string>>;
  /** All its processes. */
  pids(): Promise<number[]>;
  stop(): Promise<void>;
}

/** Installs it where it is missing, and answers its version. */
export async function requirePostgres(): Promise<string> {
  if (await findPrograms() === null) await install();
  const { name, args, cwd } = await program("postgres", ["--version"], ".");
  return (await runProcess({ name, args, cwd }))
    .replace(/^.*\) (\S+)[^]*$/, "PostgreSQL $1");
}

/** Below an empty folder, which is to be deleted by whoever asked. */
export async function startPostgres(folder: string): Promise<Database> {
  // Whoever it runs as makes the cluster in here, and keeps it to itself.
  await Deno.chmod(folder, 0o777);
  const path = await Deno.realPath(folder);
  const cluster = `${path}/cluster`;
  await runProcess(
    await program("initdb", [
      `--pgdata=${cluster}`,
      `--username=${USER}`,
      "--auth=trust",
      "--encoding=UTF8",
      "--no-locale",
    ], path),
  );
  const { pid, stop } = await startProcess(
    await program("postgres", [
      "-D",
      cluster,
      "-c",
      "listen_addresses=",
      "-c",
      `unix_socket_directories=${path}`,
    ], path),
    "stderr",
    /ready to accept connections/,
  );
  return {
    env: { PGHOST: path, PGUSER: USER, PGDATABASE: USER },
    stop,
    async pids() {
      const name = "cat";
      const args = [`/proc/${pid}/task/${pid}/children`];
      const children = await runProcess({ name, args, cwd: path });
      return [pid, ...children.trim().split(" ").map(Number)];
    },
  };
}

/** It refuses to run as root, so there it runs as the user whom its package makes. */
async function program(
  name: string,
  args: readonly string[],
  cwd: string,
): Promise<Command> {
  const programs = await findPrograms();
  const as = isRoot()
    ? [`--reuid=${USER}`, `--regid=${USER}`, "--init-groups"]
    : ["--no-new-privs"];
  return {
    name: "setpriv",
    args: [...as, `${programs}/${name}`, ...args],
    cwd,
  };
}

/** The folder of the newest version, or null where there is none. */
async function findPrograms(): Promise<string | null> {
  try {
    const versions = await Array.fromAsync(
      Deno.readDir(VERSIONS),
      ({ name }) => Number(name),
    );
    return `${VERSIONS}/${Math.max(...versions)}/bin`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function install(): Promise<void> {
  if (!isRoot()) {
    throw new Error(
      "PostgreSQL's server is missing: install Debian's package postgresql.",
    );
  }
  console.log("Installing Debian's package postgresql …");
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  for (
    const args of [
      ["update"],
      ["install", "--yes", "--no-install-recommends", "postgresql"],
    ]
  ) await runProcess({ name: "apt-get", args, cwd: ".", env });
}

function isRoot(): boolean {
  return Deno.uid() === 0;
}
