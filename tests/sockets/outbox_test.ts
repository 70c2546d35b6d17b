// What one turn of the loop writes to a socket: order, batches, limits.
import assert from "node:assert/strict";
import { LIMITS } from "../../kv/limits.ts";
import { arrayFrames, Chunk } from "../../realtime/chunk.ts";
import { Outbox } from "../../realtime/session/outbox.ts";
import { LoopTurn } from "../../realtime/session/turn.ts";
import { FakePort, FakeTurn } from "./fake_port.ts";

function open(batch: boolean) {
  const port = new FakePort();
  const turn = new FakeTurn();
  return { port, turn, outbox: new Outbox(port, { batch }, turn) };
}

const event = (n: number) => `{"seq":${n}}`;
const chunk = (first: number, last: number, room = "r") =>
  new Chunk(
    room,
    first,
    last,
    Array.from(
      { length: last - first + 1 },
      (_, index) => event(first + index),
    ),
  );

Deno.test("Outbox writes once per turn, in the order given", () => {
  const { port, turn, outbox } = open(false);
  outbox.push("a");
  outbox.push("b");
  outbox.share(chunk(1, 2));
  outbox.push("c");
  assert.deepEqual(port.writes, []);
  assert.equal(turn.end(), 1);
  assert.deepEqual(port.writes, [["a", "b", event(1), event(2), "c"]]);
  assert.equal(turn.end(), 0);
  outbox.push("d");
  turn.end();
  assert.deepEqual(port.writes.slice(1), [["d"]]);
});

Deno.test("Outbox puts a batch client's frames into arrays, lone ones excepted", () => {
  const { port, turn, outbox } = open(true);
  outbox.push("1");
  outbox.push("2");
  outbox.share(chunk(1, 2));
  outbox.share(chunk(7, 7, "other"));
  outbox.push("3");
  turn.end();
  assert.deepEqual(port.writes, [[
    "[1,2]",
    `[${event(1)},${event(2)}]`,
    event(7),
    "3",
  ]]);
});

Deno.test("Outbox takes up batching between two turns", () => {
  const { port, turn, outbox } = open(false);
  outbox.push("1");
  outbox.push("2");
  outbox.flush();
  outbox.batch = true;
  outbox.push("3");
  outbox.push("4");
  turn.end();
  assert.deepEqual(port.writes, [["1", "2"], ["[3,4]"]]);
});

Deno.test("Outbox.flush() writes at once, and the turn's end nothing again", () => {
  const { port, turn, outbox } = open(false);
  outbox.push("bye");
  outbox.flush();
  turn.end();
  outbox.flush();
  assert.deepEqual(port.writes, [["bye"]]);
});

Deno.test("a chunk is encoded once for all sockets", () => {
  const shared = chunk(1, 3);
  const plain = [open(false), open(false)];
  const batched = [open(true), open(true)];
  for (const { outbox, turn } of [...plain, ...batched]) {
    outbox.share(shared);
    turn.end();
  }
  for (const [one, other] of [plain, batched]) {
    assert.equal(one!.port.packets.length, 1);
    assert.equal(one!.port.packets[0], other!.port.packets[0]);
  }
  assert.notEqual(plain[0]!.port.packets[0], batched[0]!.port.packets[0]);
});

Deno.test("a chunk of one frame is the same packet for every client", () => {
  const lone = chunk(4, 4);
  assert.equal(lone.single()[0], lone.batched()[0]);
  assert.deepEqual(lone.single()[0]!.texts, [event(4)]);
});

Deno.test("Outbox.pushEphemeral() is dropped while the socket is slow", () => {
  const { port, turn, outbox } = open(false);
  port.buffered = LIMITS.shedBytes;
  outbox.pushEphemeral("kept");
  port.buffered = LIMITS.shedBytes + 1;
  outbox.pushEphemeral("dropped");
  outbox.push("reply");
  turn.end();
  assert.deepEqual(port.writes, [["kept", "reply"]]);
});

Deno.test("Outbox lags by what is buffered and what is due together", () => {
  const { port, turn, outbox } = open(false);
  port.buffered = LIMITS.lagBytes - 10;
  outbox.push("x".repeat(10));
  assert.equal(outbox.lagging, false);
  outbox.share(new Chunk("r", 1, 1, ["y"]));
  assert.equal(outbox.lagging, true);
  turn.end();
  assert.equal(outbox.lagging, false);
  port.buffered = LIMITS.lagBytes + 1;
  assert.equal(outbox.lagging, true);
});

Deno.test("arrayFrames() keeps to the limits and loses nothing", () => {
  const many = Array.from({ length: 1201 }, (_, n) => event(n));
  assert.deepEqual(
    arrayFrames(many).map((array) => JSON.parse(array).length ?? 1),
    [
      LIMITS.batchFrames,
      LIMITS.batchFrames,
      201,
    ],
  );
  assert.deepEqual(
    arrayFrames(many).flatMap((array) => JSON.parse(array)),
    many.map((frame) => JSON.parse(frame)),
  );
  assert.deepEqual(arrayFrames([]), []);
});

Deno.test("arrayFrames() counts bytes, not characters", () => {
  // 30,002 bytes each: two fit into 64 KiB, three do not.
  const frames = Array.from({ length: 5 }, () => `"${"漢".repeat(10_000)}"`);
  const arrays = arrayFrames(frames);
  assert.deepEqual(arrays.map((array) => [JSON.parse(array)].flat().length), [
    2,
    2,
    1,
  ]);
});

Deno.test("arrayFrames() fills an array to the last byte", () => {
  const half = (bytes: number) => `"${"x".repeat(bytes - 2)}"`;
  // Two frames, two brackets, one comma.
  const fits = [half(LIMITS.batchBytes / 2 - 3), half(LIMITS.batchBytes / 2)];
  assert.deepEqual(arrayFrames(fits).map((array) => array.length), [
    LIMITS.batchBytes,
  ]);
  const over = [half(LIMITS.batchBytes / 2 - 2), half(LIMITS.batchBytes / 2)];
  assert.deepEqual(arrayFrames(over), over);
});

Deno.test("arrayFrames() sends a frame that alone is too large by itself", () => {
  const large = `"${"x".repeat(LIMITS.batchBytes)}"`;
  assert.deepEqual(arrayFrames(["1", large, "2", "3"]), ["1", large, "[2,3]"]);
});

Deno.test("LoopTurn runs all tasks of a turn together, in order, whatever one throws", async () => {
  const seen: unknown[] = [];
  const turn = new LoopTurn((thrown) => seen.push(String(thrown)));
  await new Promise<void>((done) => {
    turn.atEnd(() => seen.push("first"));
    turn.atEnd(() => {
      throw new Error("fault");
    });
    turn.atEnd(() => {
      turn.atEnd(() => {
        seen.push("next turn");
        done();
      });
      seen.push("last");
    });
    queueMicrotask(() => seen.push("work of the turn"));
  });
  assert.deepEqual(seen, [
    "work of the turn",
    "first",
    "Error: fault",
    "last",
    "next turn",
  ]);
});
