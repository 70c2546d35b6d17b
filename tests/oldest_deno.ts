// The oldest Deno that Kvorum promises to start on, fetched from npm: the one of Deno Deploy.
import assert from "node:assert/strict";

/** As https://docs.deno.com/deploy/reference/runtime/ names it; the README and docs/deploy.md repeat it. */
export const OLDEST_DENO = "2.5.0";

/** Its program's path. npm keeps what it has fetched once. */
export async function fetchOldestDeno(): Promise<string> {
  const program =
    "console.log(JSON.stringify([Deno.version.deno, Deno.execPath()]))";
  const { code, stdout, stderr } = await new Deno.Command("npx", {
    args: ["-y", `deno@${OLDEST_DENO}`, "eval", program],
    stdin: "null",
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const [version, path] = JSON.parse(new TextDecoder().decode(stdout));
  assert.equal(version, OLDEST_DENO);
  return path;
}
