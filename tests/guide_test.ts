// The guide for those who add chat to their app: its key is made and its program run as they stand, with what they print.
import assert from "node:assert/strict";
import { scope, SCOPES } from "../kv/scopes.ts";
import { runTask, startServer } from "./server.ts";

const guide = Deno.readTextFileSync(
  new URL("../docs/add-chat-to-your-app.md", import.meta.url),
);

/** The code of the blocks in this language; with `pasted`, of those that are marked so. */
function blocks(language: string, pasted: boolean): string[] {
  const mark = pasted ? "<!-- paste -->\\n\\n" : "";
  const form = new RegExp(`${mark}\`\`\`${language}\n(.*?)\`\`\``, "gs");
  return [...guide.matchAll(form)].map(([, code]) => code!);
}

Deno.test("the guide's key and program do what it says", async () => {
  const folder = await Deno.makeTempDir();
  const server = startServer(folder, "development");
  try {
    const url = await server.url;
    const [task, ...others] = blocks("sh", true);
    assert.deepEqual(others, []);
    const [deno, word, name, ...args] = task!.trim().split(" ");
    assert.deepEqual([deno, word, name], ["deno", "task", "key"]);
    const made = await runTask(folder, "key", args);
    assert.equal(made.stderr, "");

    const program = `${folder}/chat.ts`;
    await Deno.writeTextFile(program, blocks("ts", true).join("\n"));
    const { code, stdout, stderr } = await new Deno.Command("deno", {
      args: [
        "run",
        "--check",
        "--no-config",
        "--no-prompt",
        `--allow-net=${new URL(url).host}`,
        "--allow-env=KVORUM_URL,KVORUM_KEY",
        program,
      ],
      env: { KVORUM_URL: url, KVORUM_KEY: made.stdout.trim(), NO_COLOR: "1" },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.equal(code, 0, text(stderr));
    assert.deepEqual(blocks("text", false), [text(stdout)]);
  } finally {
    server.kill("SIGINT");
    await server.ended;
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the guide names every scope, and asks for no other", () => {
  const told = [...guide.matchAll(/^\| `(\w+)` +\|/gm)].map(([, name]) => name);
  assert.deepEqual(told, Object.keys(SCOPES));
  assert.deepEqual(told, scope.options);
});
