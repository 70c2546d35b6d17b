// Times that were measured, and what is said of them.

/** Times in milliseconds, as many as come. */
export class Samples {
  #times = new Float64Array(1024);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(ms: number): void {
    if (this.#count === this.#times.length) {
      const longer = new Float64Array(2 * this.#count);
      longer.set(this.#times);
      this.#times = longer;
    }
    this.#times[this.#count++] = ms;
  }

  /** The time within which this share of them lies; NaN where there are none. */
  within(share: number): number {
    const sorted = this.#times.slice(0, this.#count).sort();
    const rank = Math.ceil(share * this.#count);
    return sorted[Math.max(0, rank - 1)] ?? NaN;
  }
}

/** The middle one of an odd number, the lower middle one of an even number. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1] ?? NaN;
}

/** By least squares: how much y grows with each step of x. */
export function slopeOf(
  points: readonly (readonly [number, number])[],
): number {
  const mean = (of: 0 | 1) =>
    points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  let [above, below] = [0, 0];
  for (const [x, y] of points) {
    above += (x - meanX) * (y - meanY);
    below += (x - meanX) ** 2;
  }
  return above / below;
}
