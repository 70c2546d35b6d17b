// Every dependency is pinned, comes from npm, and has a line that says what it is for.
import assert from "node:assert/strict";

const ROOT = new URL("../", import.meta.url);

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

const imports: Record<string, string> = JSON.parse(read("deno.json")).imports;

Deno.test("dependencies come from npm in one exact version", () => {
  for (const [name, specifier] of Object.entries(imports)) {
    const version = specifier.slice(`npm:${name}@`.length);
    assert.ok(specifier.startsWith(`npm:${name}@`), specifier);
    assert.match(version, /^\d+\.\d+\.\d+$/, specifier);
  }
});

Deno.test("docs/dependencies.md has a line for each dependency and for nothing else", () => {
  const listed = read("docs/dependencies.md").matchAll(/^\| `([^`]+)`/gm);
  assert.deepEqual(
    [...listed].map(([, name]) => name).sort(),
    Object.keys(imports).sort(),
  );
});
