// The README as somebody uses it: its conversation is pasted into a shell, and what comes back is held against what it shows.
import assert from "node:assert/strict";
import { firstSteps } from "../routes/documents/first_steps.ts";
import { OLDEST_DENO } from "./oldest_deno.ts";
import { startServer } from "./server.ts";

const readme = Deno.readTextFileSync(new URL("../README.md", import.meta.url));
/** Longer than fetching the terminal client takes, so that a test which hangs says what it was waiting for. */
const PATIENCE_MS = 50_000;

const missing = await missingTools(["curl", "npx"]);
if (missing) {
  console.warn(`SKIPPED: the README is pasted only where there is ${missing}.`);
}

Deno.test({
  name: "the README's conversation goes as it shows when it is pasted",
  ignore: missing !== null,
  fn: () => served((url) => paste(conversation(url))),
});

Deno.test({
  name: "the first steps told at start go when they are pasted",
  ignore: missing !== null,
  fn: () =>
    served((url) => {
      const { shell, frames } = firstSteps(url);
      const talk = frames.flatMap((frame) => [
        `> ${frame}`,
        `< {"type":"reply","id":"${JSON.parse(frame).id}","ok":true,…}`,
      ]);
      return paste({ commands: shell, answers: [], frames: talk });
    }),
});

Deno.test("every link within the documents leads somewhere", () => {
  const folders = ["../", "../docs/", "../docs/decisions/"];
  const pages = folders.flatMap((folder) => {
    const url = new URL(folder, import.meta.url);
    return [...Deno.readDirSync(url)].filter(({ name }) => name.endsWith(".md"))
      .map(({ name }) => new URL(name, url));
  });
  for (const page of pages) {
    const links = Deno.readTextFileSync(page).matchAll(/\]\(([^):#]+)\)/g);
    for (const [, link] of links) {
      assert.ok(isThere(new URL(link!, page)), `${page.pathname}: ${link}`);
    }
  }
});

Deno.test("the documents name those Denos that the tests run on", () => {
  const named = (page: string, form: RegExp) => {
    const text = Deno.readTextFileSync(new URL(`../${page}`, import.meta.url));
    return [...new Set([...text.matchAll(form)].map(([, version]) => version))];
  };
  for (const page of ["README.md", "CONTRIBUTING.md", "docs/dependencies.md"]) {
    const fetched = named(page, /deno@(\d+\.\d+\.\d+)/g);
    assert.deepEqual(fetched, [Deno.version.deno], page);
  }
  for (const page of ["README.md", "docs/deploy.md"]) {
    const promised = named(page, /from (\d+\.\d+\.\d+) on/g);
    assert.deepEqual(promised, [OLDEST_DENO], page);
  }
});

function isThere(url: URL): boolean {
  try {
    Deno.statSync(url);
    return true;
  } catch {
    return false;
  }
}

/** Runs a test against a server of its own, given where it listens. */
async function served(test: (url: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  const server = startServer(folder, "development");
  try {
    await test(await server.url);
  } finally {
    server.kill("SIGINT");
    await server.ended;
    await Deno.remove(folder, { recursive: true });
  }
}

interface Conversation {
  /** For the shell, as if pasted one after the other. */
  readonly commands: string;
  /** What the shell shows before the socket is open; the last one is to be pasted. */
  readonly answers: readonly string[];
  /** `> ` is typed into the socket, `< ` comes out of it. */
  readonly frames: readonly string[];
}

/** What the README wants pasted, for a server at `url`. */
function conversation(url: string): Conversation {
  const blocks = [
    ...readme.matchAll(/(<!-- paste -->\n\n)?```(\w+)\n(.*?)```/gs),
  ];
  const shell = blocks.filter(([, pasted]) => pasted).map((match) => match[3]);
  const shown = blocks.filter(([, , language]) => language === "text")
    .map((match) => match[3]!.trimEnd().split("\n"));
  assert.deepEqual([shell.length, shown.length], [2, 2]);
  const commands = shell.join("\n");
  const frames = shown[1]!;
  assert.ok(commands.includes("http://127.0.0.1:8000"));
  return {
    commands: commands.replaceAll("http://127.0.0.1:8000", url),
    // What is to be pasted into the socket is printed before it opens.
    answers: [...shown[0]!, ...frames.filter(isPasted).map(textOf)],
    frames,
  };
}

const textOf = (frame: string) => frame.slice(2);
const isTyped = (frame: string) => frame.startsWith("> ");
/** The README cannot know the whole of it. */
const isPasted = (frame: string) => isTyped(frame) && frame.includes("…");

async function paste({ commands, answers, frames }: Conversation) {
  const shell = new Deno.Command("bash", {
    args: ["-c", commands],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const keyboard = shell.stdin.getWriter();
  const overdue = setTimeout(() => {
    shell.kill("SIGKILL");
    void keyboard.abort();
  }, PATIENCE_MS);
  const type = (line: string) =>
    keyboard.write(new TextEncoder().encode(`${line}\n`));
  const lines = toLines(shell.stdout);
  try {
    let printed: string | null = null;
    for (const answer of answers) {
      printed = await lines.next();
      fits(printed, answer);
    }
    // Away from a terminal the client does not say when it is connected, and drops what is typed before.
    const knocking = setInterval(() => void type(KNOCK), KNOCK_MS);
    await lines.next().finally(() => clearInterval(knocking));

    for (const frame of frames) {
      const text = textOf(frame);
      if (isTyped(frame)) {
        await type(isPasted(frame) ? printed ?? "" : text);
      } else fits(await lines.next(isAnswer), text);
    }
  } finally {
    clearTimeout(overdue);
    // Ends the client; then what is left is read, so that nobody waits for us.
    await keyboard.close().catch(() => {});
    while (await lines.next() !== null);
    await shell.status;
  }
}

/** A command without an id, so that its replies can be told from the others'. */
const KNOCK = '{"type":"ping"}';
const KNOCK_MS = 200;
const isAnswer = (line: string) =>
  !line.includes('"id":null') && !line.includes('"type":"room.added"');

function toLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    /** The next line that is wanted, without the client's prompts; null where there are no more. */
    async next(isWanted = (_line: string) => true): Promise<string | null> {
      for (;;) {
        for (let end; (end = text.indexOf("\n")) >= 0;) {
          const line = text.slice(0, end).replace(/^(> )+/, "");
          text = text.slice(end + 1);
          if (isWanted(line)) return line;
        }
        const { value, done } = await reader.read();
        if (done) return null;
        text += value;
      }
    },
  };
}

/** Throws unless a line is what is shown, where `"…"` stands for any text and `…` for anything. */
function fits(line: string | null, shown: string) {
  const pattern = shown.split(/("…"|…)/).map((part) =>
    part === '"…"' ? '"[^"]*"' : part === "…" ? ".*" : RegExp.escape(part)
  );
  assert.ok(
    new RegExp(`^${pattern.join("")}$`).test(line ?? ""),
    `shown: ${shown}\ncame:  ${line ?? "nothing more"}`,
  );
}

async function missingTools(tools: readonly string[]): Promise<string | null> {
  try {
    const script = tools.map((tool) => `command -v ${tool}`).join(" && ");
    const { success } = await new Deno.Command("bash", {
      args: ["-c", script],
      stdout: "null",
    }).output();
    return success ? null : tools.join(" and ");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "bash";
    throw error;
  }
}
