// A process that says when it is ready, and runs until it is stopped.

/** What is to be run, and with what. */
export interface Command {
  readonly name: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Running {
  readonly pid: number;
  /** What it said when it was ready, as the pattern found it. */
  readonly said: RegExpMatchArray;
  stop(): Promise<void>;
}

/** Starts it and waits until it says that it is ready; where it ends before, throws what it said instead. */
export async function startProcess(
  { name, ...options }: Command,
  from: "stdout" | "stderr",
  ready: RegExp,
): Promise<Running> {
  const child = new Deno.Command(name, {
    ...options,
    args: [...options.args],
    stdin: "null",
    stdout: from === "stdout" ? "piped" : "null",
    stderr: from === "stderr" ? "piped" : "inherit",
  }).spawn();
  const said = Promise.withResolvers<RegExpMatchArray>();
  let ended = false;
  const reading = (async () => {
    let text = "";
    // To its end: a pipe that nobody reads would stop whoever writes to it.
    for await (
      const piece of child[from].pipeThrough(new TextDecoderStream())
    ) {
      text += piece;
      const found = text.match(ready);
      if (found !== null) said.resolve(found);
    }
    await child.status;
    ended = true;
    said.reject(new Error(`${name} ended: ${text}`));
  })();
  return {
    said: await said.promise,
    pid: child.pid,
    async stop() {
      // Where it has already ended, there is nobody to be told.
      if (!ended) child.kill("SIGINT");
      await reading;
    },
  };
}

/** Runs it to its end; throws what it said where that was no good one. */
export async function runProcess(
  { name, ...options }: Command,
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(name, {
    ...options,
    args: [...options.args],
    stdin: "null",
  }).output();
  const [said, complained] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  if (!success) {
    throw new Error(`${name} ${options.args[0]} failed:\n${said}${complained}`);
  }
  return said!;
}
