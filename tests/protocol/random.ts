// Chance that can be had again: a generator with a printed seed.

/** Uniform in [0, 1). */
export type Random = () => number;

/**
 * A generator seeded by the number after `--` on the command line, or by chance; says which, so that
 * a failure can be tried again: `deno task test ‹file› -- ‹seed›`. It repeats every choice of a test, though
 * not how the machine interleaves what runs at once.
 */
export function openRandom(what: string): Random {
  const given = Number(Deno.args[0]);
  const seed = Number.isInteger(given)
    ? given
    : crypto.getRandomValues(new Uint32Array(1))[0]!;
  console.log(`${what}: seed ${seed}`);
  return seeded(seed);
}

/** One generator for each who chooses, so that their choices do not depend on who is faster. */
export function fork(random: Random): Random {
  return seeded(random() * 2 ** 32);
}

/** A whole number from `low` to `high`, both included. */
export function pickNumber(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

/** One of the choices, each as often as its weight says. */
export function pickWeighted<T extends string>(
  random: Random,
  weights: Readonly<Record<T, number>>,
): T {
  const choices = Object.entries<number>(weights) as [T, number][];
  let left = random() * choices.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [choice, weight] of choices) {
    if ((left -= weight) < 0) return choice;
  }
  return choices[0]![0];
}

/** Mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
