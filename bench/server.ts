// The server under load: main.ts as a process of its own, as `deno task start` runs it, with rate limits off.

export interface ServerUnderLoad {
  readonly url: string;
  /** Processor seconds used so far; NaN where the system does not tell. */
  cpuSeconds(): Promise<number>;
  stop(): Promise<void>;
}

const ROOT = new URL("../", import.meta.url);
/** Linux counts a process's time in these. */
const TICKS_PER_SECOND = 100;

/** Starts it on the database under `folder`/data. */
export async function startServer(
  folder: string,
  secret: Uint8Array,
  isolates = 1,
): Promise<ServerUnderLoad> {
  const config = new URL("deno.json", ROOT).pathname;
  const { tasks } = JSON.parse(await Deno.readTextFile(config));
  const flags: string[] = tasks.start.command.match(
    /--(?:allow-\S+|no-prompt)/g,
  );
  const child = new Deno.Command("deno", {
    args: [
      "run",
      `--config=${config}`,
      ...flags.map((flag) =>
        flag.replace(/,(?=main|routes|realtime|kv)/g, `,${ROOT.pathname}`)
      ),
      new URL("main.ts", ROOT).pathname,
    ],
    cwd: folder,
    env: {
      PORT: "0",
      HOST: "127.0.0.1",
      SECRET: secret.toBase64(),
      ISOLATES: String(isolates),
      RATE_SCALE: "0",
      ACCESS_TOKEN_SECONDS: "3600",
    },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  let url: string | undefined;
  while (url === undefined) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`The server ended: ${said}`);
    said += value;
    url = said.match(/"url":"(http[^"]+)"/)?.[1];
  }
  return {
    url,
    async cpuSeconds() {
      // Deno itself reads /proc only with every permission there is.
      const cat = new Deno.Command("cat", {
        args: [`/proc/${child.pid}/stat`],
        stderr: "null",
      });
      const stat = new TextDecoder().decode((await cat.output()).stdout);
      // The fields after the name, which may hold spaces: user and system time are the 12th and 13th.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    },
    async stop() {
      child.kill("SIGINT");
      await lines.cancel();
      await child.status;
    },
  };
}
