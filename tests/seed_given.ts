// A failure of a property, run again: what fast-check printed of it is given after `--`.

/** Seed, then path, as in `deno task test tests/log/writer_property_test.ts -- -1571406882 542:0:3`. */
export function seedGiven(): { seed?: number; path?: string } {
  const [seed, path] = Deno.args;
  return {
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(path === undefined ? {} : { path }),
  };
}
