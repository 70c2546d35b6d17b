// The generator's HTTP answers, its percentiles and its slopes.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { AnswerCutter } from "../../bench/generator/http.ts";
import { median, Samples, slopeOf } from "../../bench/generator/samples.ts";

Deno.test("AnswerCutter tells of an answer when its last byte has come, wherever it was split", () => {
  const answer = Buffer.from(
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Other: 1\r\n\r\nhello",
  );
  for (let at = 0; at < answer.length; at++) {
    const cutter = new AnswerCutter();
    // Twice, as on a connection that is kept.
    for (let i = 0; i < 2; i++) {
      assert.equal(cutter.cut(answer, at), null);
      assert.equal(cutter.cut(answer.subarray(at), answer.length - at), 5);
    }
  }
});

Deno.test("AnswerCutter throws at an answer that is not 200 or has no length", () => {
  for (
    const head of [
      "HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ]
  ) {
    const bytes = Buffer.from(head);
    assert.throws(() => new AnswerCutter().cut(bytes, bytes.length), /No good/);
  }
});

Deno.test("Samples.within() is the time within which that share lies", () => {
  const samples = new Samples();
  for (let ms = 2001; ms > 0; ms--) samples.add(ms);
  assert.equal(samples.count, 2001);
  assert.equal(samples.within(0.5), 1001);
  assert.equal(samples.within(0.99), 1981);
  assert.equal(samples.within(1), 2001);
  assert.ok(Number.isNaN(new Samples().within(0.5)));
});

Deno.test("median() is the middle one", () => {
  assert.equal(median([5, 1, 3]), 3);
  assert.equal(median([4, 1, 2, 3]), 2);
});

Deno.test("slopeOf() is the slope of the line nearest to the points", () => {
  assert.equal(slopeOf([[1, 10], [2, 12], [3, 14]]), 2);
  assert.equal(slopeOf([[0, 1], [1, 3], [2, 2], [3, 4]]), 0.8);
});
