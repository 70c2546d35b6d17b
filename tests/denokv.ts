// A denokv server of a test's own, which can be killed and started again. `.ci/run` builds it; elsewhere it may be missing.
import { freePort } from "./server.ts";

const TOKEN = "a token of twelve characters or more";

/** Whether there is one on this machine: `cargo install denokv --locked` and its folder in PATH make it so. */
export const hasDenokv = isThere();

export class Denokv {
  readonly #port = freePort();
  #child: Deno.ChildProcess | null = null;

  constructor(private readonly folder: string) {}

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What tells a server to use it. */
  get settings(): Record<string, string> {
    return { KV: this.url, DENO_KV_ACCESS_TOKEN: TOKEN };
  }

  /** What Deno Deploy sets where it is assigned to an app. */
  get attached(): Record<string, string> {
    return { DENO_KV_DEFAULT_PATH: this.url, DENO_KV_ACCESS_TOKEN: TOKEN };
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const database = ["--sqlite-path", `${this.folder}/denokv.db`];
    const address = ["--addr", `127.0.0.1:${this.#port}`];
    this.#child = new Deno.Command("denokv", {
      args: [...database, "serve", "--access-token", TOKEN, ...address],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    let ended = false;
    void this.#child.status.then(() => ended = true);
    while (!await this.#answers()) {
      if (ended) throw new Error("denokv ended by itself");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.status;
    this.#child = null;
  }

  async #answers(): Promise<boolean> {
    const hostname = "127.0.0.1";
    try {
      using _ = await Deno.connect({ hostname, port: this.#port });
      return true;
    } catch {
      return false;
    }
  }
}

function isThere(): boolean {
  try {
    return new Deno.Command("denokv", {
      args: ["--help"],
      stdout: "null",
      stderr: "null",
    }).outputSync().success;
  } catch {
    return false;
  }
}
