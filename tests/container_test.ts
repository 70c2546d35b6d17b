// The container without a builder: what its Dockerfile says, done on this machine step by step, and started without a network.
import assert from "node:assert/strict";
import { Image, parseDockerfile, requireOne, sourcesOf } from "./dockerfile.ts";
import { collect, freePort } from "./server.ts";

const read = (name: string) =>
  Deno.readTextFileSync(new URL(`../${name}`, import.meta.url));
const instructions = parseDockerfile(read("Dockerfile"));
/** Longer than the packages take to come, so that a test which hangs says so. */
const PATIENCE_MS = 60_000;

Deno.test("the image is pinned to this Deno, runs as nobody special, and is made of nothing but what it copies", () => {
  const from = requireOne(instructions, "FROM");
  const [, version] = from.match(/^denoland\/deno:(\S+)@sha256:[0-9a-f]{64}$/)!;
  assert.equal(version, Deno.version.deno);
  assert.ok(read(".ci/run").includes(`deno_version=${version}\n`));
  assert.match(requireOne(instructions, "USER"), /^[1-9]\d*:[1-9]\d*$/);

  const copied = instructions.filter(({ name }) => name === "COPY")
    .flatMap(sourcesOf);
  const [first, ...others] = read(".dockerignore").split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  assert.equal(first, "*");
  assert.deepEqual(others.sort(), copied.map((name) => `!${name}`).sort());
});

Deno.test("what the Dockerfile says makes a server that starts without a network, is found healthy and ends at its signal", async () => {
  const folder = await Deno.makeTempDir();
  const image = new Image(folder);
  try {
    await Deno.chmod(folder, 0o755);
    for (const instruction of instructions) await image.follow(instruction);
    const packages = image.place("/deno-dir/npm/registry.npmjs.org");
    assert.deepEqual(
      [...Deno.readDirSync(packages)].map(({ name }) => name).sort(),
      await packagesOf("main.ts"),
    );

    const port = String(freePort());
    const env = {
      PORT: port,
      SECRET: crypto.getRandomValues(new Uint8Array(32)).toBase64(),
    };
    const check = requireOne(instructions, "HEALTHCHECK").match(/CMD (.*)$/)!;
    const isHealthy = async () => {
      const { code } = await image.command(JSON.parse(check[1]!), {
        PORT: port,
      }).output();
      return code === 0;
    };

    const server = image.command(
      JSON.parse(requireOne(instructions, "CMD")),
      env,
    ).spawn();
    const overdue = setTimeout(() => server.kill("SIGKILL"), PATIENCE_MS);
    const listens = Promise.withResolvers<void>();
    const stdout = collect(server.stdout, (text) => {
      if (text.includes("server.listening")) listens.resolve();
    });
    const stderr = collect(server.stderr);
    await Promise.race([listens.promise, server.status]);
    const healthy = await isHealthy();
    signal(server, requireOne(instructions, "STOPSIGNAL") as Deno.Signal);
    const { code } = await server.status;
    clearTimeout(overdue);
    const said = { stdout: await stdout, stderr: await stderr };
    assert.ok(healthy, JSON.stringify(said));
    assert.deepEqual([code, said.stderr], [0, ""]);
    assert.ok(!await isHealthy());

    const volume = image.place(requireOne(instructions, "VOLUME"));
    const kept = [...Deno.readDirSync(volume)].map(({ name }) => name);
    assert.ok(kept.includes("kvorum.db"), String(kept));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** The packages that a module needs to run, by their scopes where they have one. */
async function packagesOf(module: string): Promise<string[]> {
  const { stdout } = await new Deno.Command("deno", {
    args: ["info", "--json", module],
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  const names = modules
    .map(({ npmPackage }: { npmPackage?: string }) => npmPackage)
    .filter((name?: string) => name && !name.startsWith("@types/"))
    .map((name: string) => name.match(/^@?[^@/]+/)![0]);
  return [...new Set<string>(names)].sort();
}

function signal(child: Deno.ChildProcess, name: Deno.Signal) {
  try {
    child.kill(name);
  } catch {
    // It has ended, and will be asked why.
  }
}
