// No file of the server reaches itself by its imports.
import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);
const FOLDERS = ["kv", "realtime", "routes"];

/** Says what operations are given, and so knows the types of things that know it; it imports nothing at run time. */
const CORE = "kv/core.ts";

type Graph = ReadonlyMap<string, readonly string[]>;

/** The first cycle found, from a file to itself, or null. */
function findCycle(graph: Graph): readonly string[] | null {
  const done = new Set<string>();
  const visit = (file: string, path: string[]): string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next, [...path, file]);
      if (cycle !== null) return cycle;
    }
    done.add(file);
    return null;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

/** The files that `source` imports, from the project's root. */
function importsOf(file: string, source: string): string[] {
  const statements = source.matchAll(
    /^(?:import|export)\s(?<type>type\s)?(?:[^;"']*?\sfrom\s)?\s*"(?<to>\.[^"]+)"/gm,
  );
  return [...statements]
    .filter(({ groups }) => file !== CORE || groups!.type === undefined)
    .map(({ groups }) => new URL(groups!.to!, new URL(file, ROOT)).href)
    .map((href) => href.slice(ROOT.href.length));
}

function* filesBelow(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* filesBelow(path);
    else if (path.endsWith(".ts")) yield path;
  }
}

Deno.test("no file of the server imports itself in a circle", () => {
  const files = [
    "main.ts",
    ...FOLDERS.flatMap((folder) => [...filesBelow(folder)]),
  ];
  const graph = new Map(files.map((file) => {
    const source = Deno.readTextFileSync(new URL(file, ROOT));
    return [file, importsOf(file, source)] as const;
  }));
  assert.equal(findCycle(graph)?.join(" -> ") ?? "none", "none");
  // That imports are seen at all: the test must not pass by reading nothing.
  assert.ok(graph.get("main.ts")?.includes("routes/server.ts"));
});

Deno.test("findCycle() names the files of a circle", () => {
  const graph = new Map([
    ["a.ts", ["b.ts"]],
    ["b.ts", ["c.ts", "d.ts"]],
    ["c.ts", []],
    ["d.ts", ["b.ts"]],
  ]);
  assert.deepEqual(findCycle(graph), ["b.ts", "d.ts", "b.ts"]);
  assert.equal(findCycle(new Map([...graph, ["d.ts", ["c.ts"]]])), null);
});

Deno.test("importsOf() sees every form of import and leaves out types in core.ts only", () => {
  const source = `
import { a } from "./a.ts";
import type { B } from "../log/b.ts";
import "./c.ts";
export * from "./d.ts";
export { e } from "./e.ts";
import {
  f,
  g,
} from "./f.ts";
import * as z from "zod";
const text = 'from "./no.ts"';
`;
  const inRooms = ["kv/rooms/a.ts", "kv/log/b.ts"].concat(
    ["c", "d", "e", "f"].map((name) => `kv/rooms/${name}.ts`),
  );
  assert.deepEqual(importsOf("kv/rooms/x.ts", source), inRooms);
  assert.ok(!importsOf(CORE, source).includes("log/b.ts"));
  assert.equal(importsOf(CORE, source).length, 5);
});
