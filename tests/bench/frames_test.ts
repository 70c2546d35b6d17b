// The generator's frames: cut out of a stream wherever it was split, and made so that a server reads them.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { messageTo } from "../../bench/generator/client.ts";
import { Envelope } from "../../bench/generator/envelope.ts";
import { FrameCutter, textFrame } from "../../bench/generator/frames.ts";
import { frameTexts } from "../../realtime/sockets/frames.ts";

const PING = Buffer.from([0x89, 0]);

Deno.test("FrameCutter finds the same frames wherever the stream is split", () => {
  const texts = ["", "a", "b".repeat(125), "c".repeat(126), "d".repeat(300)];
  const stream = Buffer.concat([
    ...texts.map((text) => frameTexts([text])),
    PING,
    frameTexts(["end"]),
  ]);
  const expected = [...texts.map((text) => [0x81, text]), [0x89, ""], [
    0x81,
    "end",
  ]];
  for (let at = 0; at <= stream.length; at++) {
    assert.deepEqual(
      cut([stream.subarray(0, at), stream.subarray(at)]),
      expected,
    );
  }
  assert.deepEqual(cut([...stream].map((byte) => Buffer.of(byte))), expected);
});

Deno.test("FrameCutter takes frames longer than 64 KiB, split in their header or anywhere", () => {
  const long = "x".repeat(70_000);
  const stream = Buffer.from(frameTexts([long, "end"]));
  const expected = [[0x81, long], [0x81, "end"]];
  for (const at of [0, 1, 2, 5, 9, 10, 11, 65_536, 70_010, 70_011]) {
    assert.deepEqual(
      cut([stream.subarray(0, at), stream.subarray(at)]),
      expected,
    );
  }
});

Deno.test("textFrame makes masked frames of every length that a header is written differently for", () => {
  for (const length of [0, 125, 126, 65_535]) {
    const text = "y".repeat(length);
    assert.deepEqual(unmask(textFrame(text)), text);
  }
  assert.throws(() => textFrame("y".repeat(65_536)));
});

Deno.test("Envelope writes number and time into a message with 200 bytes of text", () => {
  const envelope = new Envelope(messageTo("room1", 1));
  envelope.write(7, 1);
  const { type, id, data } = JSON.parse(unmask(envelope.write(12, 3456.789)));
  assert.deepEqual([type, id, data.room], [
    "message.send",
    "00000012",
    "room1",
  ]);
  assert.match(data.clientId, /^.{18}00000012$/);
  assert.equal(data.text.length, 200);
  const stamp = Number(data.text.match(/^@(\d{12}) /)?.[1]);
  assert.equal(Envelope.timeOf(stamp), 3456.789);
});

/** First byte and text of each frame that is found in these pieces. */
function cut(pieces: readonly Buffer[]): [number, string][] {
  const found: [number, string][] = [];
  const cutter = new FrameCutter((first, bytes, start, end) => {
    found.push([first, bytes.toString("latin1", start, end)]);
  });
  // One buffer for all pieces, as a socket reads them.
  const shared = Buffer.alloc(128 * 1024);
  for (const piece of pieces) {
    shared.fill(0xff);
    piece.copy(shared);
    cutter.cut(shared, piece.length);
  }
  return found;
}

/** The text of a client's frame, read as RFC 6455 says. */
function unmask(frame: Buffer): string {
  assert.equal(frame[0], 0x81);
  assert.ok(frame[1]! & 0x80);
  const short = frame[1]! & 0x7f;
  const [length, maskAt] = short < 126
    ? [short, 2]
    : [frame.readUInt16BE(2), 4];
  const payload = frame.subarray(maskAt + 4);
  assert.equal(payload.length, length);
  return payload.map((byte, i) => byte ^ frame[maskAt + i % 4]!).toString();
}
