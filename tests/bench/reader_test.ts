// The generator's counting: what it finds by looking at bytes is what JSON.parse finds.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { Reader } from "../../bench/generator/reader.ts";
import { toMessageFrame } from "../../kv/log/event.ts";
import { replyFrame, roomFrame } from "../../realtime/frames.ts";

const ROOMS = ["roomAAAAAAAAAAAAAAAA", "roomBBBBBBBBBBBBBBBB"];
/** What would mislead whoever looks for the beginning of a frame in a text. */
const NASTY = '},{"type":"reply","id":"1","ok":true},{"type":"message.created"';

interface Found {
  events: number;
  readonly stamps: number[];
  readonly replies: { id: number; ok: boolean }[];
  readonly told: string[];
}

const item = fc.oneof(
  { weight: 5, arbitrary: fc.constant({ kind: "event", room: 0 } as const) },
  { weight: 1, arbitrary: fc.constant({ kind: "event", room: 1 } as const) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("reply" as const),
      ok: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "live" } as const) },
);
type Item = typeof item extends fc.Arbitrary<infer T> ? T : never;

Deno.test("Reader finds what JSON.parse finds, replies between events and several rooms in one frame too", () => {
  fc.assert(fc.property(
    fc.array(fc.array(item, { minLength: 1, maxLength: 12 }), { maxLength: 8 }),
    fc.boolean(),
    fc.boolean(),
    (frames, thorough, severalRooms) => {
      const written = write(
        frames.map((items) =>
          items.filter((item) =>
            severalRooms || item.kind !== "event" || item.room === 0
          )
        ),
      );
      const awaited = frames.flat().filter(({ kind }) =>
        kind === "reply"
      ).length;
      const rooms = severalRooms ? ROOMS : ROOMS.slice(0, 1);
      const { found, reader } = read(written, { thorough, awaited, rooms });
      const expected = parse(written);
      assert.equal(found.events, expected.events);
      assert.deepEqual(found.replies, expected.replies);
      // Whoever counts by the ends may pass over what is not durable.
      if (thorough || severalRooms) {
        assert.deepEqual(found.told, expected.told);
      }
      if (thorough) assert.deepEqual(found.stamps, expected.stamps);
      assert.equal(reader.awaited, 0);
    },
  ));
});

Deno.test("Reader counts long arrays by their ends", () => {
  const written = write([Array(400).fill({ kind: "event", room: 0 })]);
  const { found, reader } = read(written, { rooms: ROOMS.slice(0, 1) });
  assert.equal(found.events, 400);
  assert.equal(reader.headOf(ROOMS[0]!), 400);
  assert.equal(found.stamps.length, 0);
});

Deno.test("Reader counts another room's events between those of the first", () => {
  const mixed = write([
    [0, 1, 0].map((room) => ({ kind: "event", room: room as 0 | 1 })),
  ]);
  assert.equal(read(mixed, { rooms: ROOMS }).found.events, 3);
  // A room that nobody said anything of begins with its first event.
  const second = write([[{ kind: "event", room: 0 }, {
    kind: "event",
    room: 1,
  }]]);
  assert.equal(read(second, {}).found.events, 2);
});

Deno.test("Reader takes no message's time for that of the one before", () => {
  const [frame] = write([Array(2).fill({ kind: "event", room: 0 })]);
  const unstamped = frame!.replace('"text":"@', '"text":"');
  const { found } = read([unstamped], { thorough: true });
  assert.deepEqual([found.events, found.stamps], [2, [2000]]);
});

Deno.test("Reader throws where an event is missing, twice there or out of order", () => {
  const [one, two, three] = write(Array(3).fill([{ kind: "event", room: 0 }]));
  const array = (...frames: (string | undefined)[]) => `[${frames.join()}]`;
  for (
    const frames of [
      [two!],
      [one!, three!],
      [one!, one!],
      [array(one, two), array(two, three)],
      [array(two, one)],
      [one!, array(two, one)],
    ]
  ) assert.throws(() => read(frames, {}), /After event/);
  // In the middle of an array it is seen by those who look at each.
  const gap = [array(one, three)];
  assert.throws(() => read(gap, { thorough: true }), /After event/);
});

/** Frames as the server writes them: an object where there is one, an array where there are several. */
function write(frames: readonly (readonly Item[])[]): string[] {
  const seqs = [0, 0];
  let id = 0;
  const toText = (item: Item) => {
    if (item.kind === "live") {
      return roomFrame("room.live", ROOMS[0]!, { seq: 9 });
    }
    if (item.kind === "reply") {
      return replyFrame(`"${++id}"`, { seq: 3, text: NASTY })
        .replace('"ok":true', `"ok":${item.ok}`);
    }
    const seq = ++seqs[item.room]!;
    return toMessageFrame({
      id: `${seq}.x`,
      room: ROOMS[item.room]!,
      seq,
      n: seq,
      rev: seq,
      sender: "somebody",
      clientId: NASTY,
      text: `@${seq * 1000} ${NASTY}`,
      at: "2026-01-01T00:00:00.000Z",
    });
  };
  return frames.filter((items) => items.length > 0).map((items) => {
    const texts = items.map(toText);
    return texts.length === 1 ? texts[0]! : `[${texts.join()}]`;
  });
}

function read(
  frames: readonly string[],
  { thorough = false, awaited = 0, rooms = ROOMS.slice(0, 1) },
) {
  const found: Found = { events: 0, stamps: [], replies: [], told: [] };
  const reader = new Reader({
    replied: (id, ok, text) => {
      assert.equal(JSON.parse(text).ok, ok);
      found.replies.push({ id, ok });
    },
    delivered: (stamp) => found.stamps.push(stamp),
    told: (type) => found.told.push(type),
  }, thorough);
  for (const room of rooms) reader.expectAfter(room, 0);
  reader.awaited = awaited;
  for (const frame of frames) {
    const bytes = Buffer.from(`before${frame}after`);
    reader.begin();
    reader.read(bytes, 6, bytes.length - 5);
  }
  found.events = reader.events;
  return { found, reader };
}

function parse(frames: readonly string[]): Found {
  const found: Found = { events: 0, stamps: [], replies: [], told: [] };
  for (const one of frames.flatMap((frame) => JSON.parse(frame))) {
    if (one.type === "reply") {
      found.replies.push({ id: Number(one.id), ok: one.ok });
    } else if (one.seq === undefined) found.told.push(one.type);
    else {
      found.events++;
      found.stamps.push(Number(one.data.text.match(/^@(\d+)/)[1]));
    }
  }
  return found;
}
