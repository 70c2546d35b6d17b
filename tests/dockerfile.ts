// A Dockerfile read, and followed without a builder: its files, its commands, its user, below a folder of this machine.
import assert from "node:assert/strict";

export interface Instruction {
  readonly name: string;
  readonly text: string;
}

const ROOT = new URL("../", import.meta.url).pathname;

/** Whatever is not there already can't be fetched. */
const NOWHERE = {
  HTTP_PROXY: "http://127.0.0.1:1",
  HTTPS_PROXY: "http://127.0.0.1:1",
  NO_PROXY: "127.0.0.1",
};

/** Runs `user:group`, an option of env, then variables and a command. Without root there is nobody else to become. */
const AS_USER = `
become=(setpriv --reuid="\${1%:*}" --regid="\${1#*:}" --clear-groups)
if [ -z "$1" ] || [ "$(id -u)" != 0 ] || ! "\${become[@]}" deno --version >&- 2>&-; then become=(); fi
inherit=$2
shift 2
# Only root can give files away; to anybody else here they belong already.
chown() { [ "$(id -u)" != 0 ] || command chown "$@"; }
export -f chown
exec "\${become[@]}" env $inherit PATH="$PATH" "$@"
`;

/** Continued lines are joined, comments left out. */
export function parseDockerfile(source: string): Instruction[] {
  return source.replace(/^#.*\n/gm, "").replace(/\\\n/g, "")
    .split("\n").filter((line) => line.trim() !== "")
    .map((line) => {
      const [, name, text] = line.match(/^([A-Z]+)\s+(.*)$/)!;
      return { name: name!, text: text!.trim() };
    });
}

/** The one instruction of a name. */
export function requireOne(
  instructions: readonly Instruction[],
  name: string,
): string {
  const found = instructions.filter((one) => one.name === name);
  assert.equal(found.length, 1, `${found.length} times ${name}`);
  return found[0]!.text;
}

/** What is copied from the project, from `COPY a b to/`. */
export function sourcesOf({ text }: Instruction): string[] {
  return text.split(/\s+/).slice(0, -1);
}

/** The image as folders below one of this machine. */
export class Image {
  readonly #env: Record<string, string> = {};
  #cwd = "/";
  #user = "";

  constructor(readonly folder: string) {}

  /** Where a path of the image lies here. */
  place(path: string): string {
    return `${this.folder}${
      path.startsWith("/") ? "" : `${this.#cwd}/`
    }${path}`;
  }

  /** Does what an instruction says, as a builder would; those that only describe the image are left out. */
  async follow(instruction: Instruction): Promise<void> {
    const { name, text } = instruction;
    switch (name) {
      case "ENV":
        for (const pair of text.split(/\s+/)) {
          const [key, value] = pair.split("=");
          this.#env[key!] = value!.startsWith("/")
            ? this.place(value!)
            : value!;
        }
        break;
      case "WORKDIR":
        this.#cwd = text;
        await Deno.mkdir(this.place(text), { recursive: true });
        break;
      case "COPY":
        await this.#copy(sourcesOf(instruction), text.split(/\s+/).at(-1)!);
        break;
      case "RUN": {
        const { code, stderr } = await this.command(["bash", "-c", text])
          .output();
        assert.equal(code, 0, new TextDecoder().decode(stderr));
        break;
      }
      case "USER":
        this.#user = text;
    }
  }

  /**
   * A command in the image's environment, as its user where this machine lets us become it. With `env` it is
   * run as in a container: with no other variable, and with no way to a registry.
   */
  command(
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Deno.Command {
    const variables = { ...this.#env, ...(env && { ...NOWHERE, ...env }) };
    const set = Object.entries(variables).map(([key, to]) => `${key}=${to}`);
    const inherit = env === undefined ? "" : "-i";
    return new Deno.Command("bash", {
      args: ["-c", AS_USER, "bash", this.#user, inherit, ...set, ...args],
      cwd: this.place(""),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  async #copy(sources: readonly string[], to: string): Promise<void> {
    for (const source of sources) {
      const { isDirectory } = await Deno.stat(ROOT + source);
      const target = isDirectory ? this.place(to) : this.place(to + source);
      const { code } = await new Deno.Command("bash", {
        args: ["-c", 'cp -r "$1" "$2"', "bash", ROOT + source, target],
      }).output();
      assert.equal(code, 0, source);
    }
  }
}
