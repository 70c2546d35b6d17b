// When a figure is as good as its goal, and when it is so much worse than recorded that the quick bench fails.
import assert from "node:assert/strict";
import { formatFigure, isWorse, reaches } from "../../bench/figures.ts";

Deno.test("reaches() knows which way is better", () => {
  assert.equal(reaches("acked", 100, 100), true);
  assert.equal(reaches("acked", 99, 100), false);
  assert.equal(reaches("ackP99", 10, 10), true);
  assert.equal(reaches("ackP99", 11, 10), false);
});

Deno.test("isWorse() bears what a machine's moods do, and no more", () => {
  assert.equal(isWorse("acked", 71, 100), false);
  assert.equal(isWorse("acked", 69, 100), true);
  assert.equal(isWorse("perMillion", 1.4, 1), false);
  assert.equal(isWorse("perMillion", 1.5, 1), true);
  assert.equal(isWorse("ackP99", 24, 10), false);
  assert.equal(isWorse("ackP99", 26, 10), true);
  // What only explains is never worse.
  assert.equal(isWorse("serverCores", 9, 1), false);
});

Deno.test("formatFigure() shows small shares of a core so that they can be told from their goal", () => {
  assert.equal(formatFigure("serverCores", 0.0349), "0.035");
  assert.equal(formatFigure("serverCores", 1.3149), "1.31");
  assert.equal(formatFigure("acked", 12_345.6), "12,346");
});
