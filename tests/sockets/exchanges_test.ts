// What RFC 6455 allows arrives, on every transport: after Autobahn's groups 1, 2, 5 to 7, 9 and 10.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { LIMITS } from "../../kv/limits.ts";
import type { SocketPort } from "../../realtime/sockets/port.ts";
import { closeFrame, frame, OPCODE, type RawClient } from "./raw_client.ts";
import { packet, test } from "./scene.ts";

const { text, binary, continuation, ping, pong, close } = OPCODE;
const SIZES = [0, 1, 125, 126, 127, 128, 0xffff, 0x10000, LIMITS.bodyBytes];

const echoed = {
  onText: (port: SocketPort, said: string) => port.write([packet(said)]),
};

/** Writes bytes in pieces, each handed to the network before the next. */
async function sendChopped(client: RawClient, bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) {
    await new Promise<void>((resolve) =>
      client.socket.write(bytes.subarray(at, at + size), () => resolve())
    );
  }
}

/** One message as fragments of `size` bytes. */
function fragments(message: string | Buffer, size: number): Buffer[] {
  const bytes = Buffer.from(message);
  const count = Math.max(1, Math.ceil(bytes.length / size));
  return Array.from({ length: count }, (_, index) =>
    frame(
      index === 0 ? text : continuation,
      bytes.subarray(index * size, (index + 1) * size),
      { fin: index === count - 1 },
    ));
}

// Group 1: framing.
for (const size of SIZES) {
  test(`a text of ${size} bytes goes there and back`, async ({ open }) => {
    const pair = await open(echoed);
    const said = "a".repeat(size);
    pair.client.sendText(said);
    assert.equal(await pair.client.readText(), said);
  });

  test(`a binary frame of ${size} bytes is told`, async ({ open }) => {
    const pair = await open();
    pair.client.send(frame(binary, Buffer.alloc(size, 0xfe)));
    assert.deepEqual(await pair.until(1), [["binary"]]);
  });
}

for (const size of [1, 997]) {
  test(`a text that comes in pieces of ${size} bytes is read`, async ({ open }) => {
    const pair = await open();
    const said = "é".repeat(size * 50);
    await sendChopped(pair.client, frame(text, said), size);
    assert.deepEqual(await pair.until(1), [["text", said]]);
  });
}

// Group 2: pings and pongs.
for (const hex of ["", "68656c6c6f", "00fffefdfcfb00ff", "fe".repeat(125)]) {
  const payload = Buffer.from(hex, "hex");
  test(`a ping with ${payload.length} bytes is answered alike`, async ({ open }) => {
    const pair = await open();
    pair.client.send(frame(ping, payload));
    assert.deepEqual(await pair.client.read(), {
      fin: true,
      opcode: pong,
      payload,
    });
  });
}

test("pings that come byte by byte are answered", async ({ open }) => {
  const pair = await open();
  const numbers = Array.from({ length: 10 }, (_, index) => String(index));
  const pings = numbers.map((number) => frame(ping, number));
  await sendChopped(pair.client, Buffer.concat(pings), 1);
  for (const number of numbers) {
    assert.equal((await pair.client.read())?.payload.toString(), number);
  }
});

test("ten pings are answered in order, and pongs nobody asked for are not", async ({ open }) => {
  const pair = await open();
  const numbers = Array.from({ length: 10 }, (_, index) => String(index));
  for (const number of numbers) {
    pair.client.send(frame(pong), frame(pong, "unasked"), frame(ping, number));
  }
  for (const number of numbers) {
    const answer = await pair.client.read();
    assert.equal(answer?.opcode, pong);
    assert.equal(answer?.payload.toString(), number);
  }
});

// Group 5: fragments.
for (
  const [size, said] of [[1, "κόσμε 漢字 😀"], [3, "é".repeat(50)]] as const
) {
  test(`a text in fragments of ${size} bytes, a ping in each gap, is one text`, async ({ open }) => {
    const pair = await open();
    const parts = fragments(said, size);
    pair.client.send(...parts.flatMap((part) => [part, frame(ping, "p")]));
    assert.deepEqual(await pair.until(1), [["text", said]]);
    for (let count = 0; count < parts.length; count++) {
      assert.equal((await pair.client.read())?.opcode, pong);
    }
  });
}

test("empty fragments make an empty text", async ({ open }) => {
  const pair = await open();
  pair.client.send(
    frame(text, "", { fin: false }),
    frame(continuation, "", { fin: false }),
    frame(continuation),
  );
  assert.deepEqual(await pair.until(1), [["text", ""]]);
});

test("fragments that come byte by byte, a ping between them, are one text", async ({ open }) => {
  const pair = await open();
  const parts = fragments("fragment1fragment2", 9);
  const bytes = Buffer.concat([parts[0]!, frame(ping, "p"), parts[1]!]);
  await sendChopped(pair.client, bytes, 1);
  assert.deepEqual(await pair.until(1), [["text", "fragment1fragment2"]]);
  assert.equal((await pair.client.read())?.opcode, pong);
});

test("fragments of a binary message are one", async ({ open }) => {
  const pair = await open();
  pair.client.send(
    frame(binary, "x", { fin: false }),
    frame(continuation, Buffer.of(0xff)),
    frame(text, "after"),
  );
  assert.deepEqual(await pair.until(2), [["binary"], ["text", "after"]]);
});

// Group 9: limits and numbers.
for (const size of [64, 1024, 0x10000]) {
  test(`the largest text in fragments of ${size} bytes goes there and back`, async ({ open }) => {
    const pair = await open(echoed);
    const said = "漢".repeat(LIMITS.bodyBytes / 3);
    pair.client.send(...fragments(said, size));
    assert.equal(await pair.client.readText(), said);
  });
}

for (const size of [0, 16, 64]) {
  test(`1,000 texts of ${size} bytes go there and back`, async ({ open }) => {
    const pair = await open(echoed);
    const said = "*".repeat(size);
    for (let count = 0; count < 1_000; count++) {
      pair.client.sendText(said);
      assert.equal(await pair.client.readText(), said);
    }
  });
}

// Group 10: fragments made on the way.
test("a text of 64 KiB in fragments of 1,300 bytes goes there and back", async ({ open }) => {
  const pair = await open(echoed);
  const said = "*".repeat(0x10000);
  pair.client.send(...fragments(said, 1300));
  assert.equal(await pair.client.readText(), said);
});

// Group 6: the borders of what UTF-8 can say, noncharacters among them; whole and in fragments of a byte.
for (
  const hex of [
    "00",
    "7f",
    "c280",
    "dfbf",
    "e0a080",
    "ed9fbf",
    "ee8080",
    "efbfbd",
    "efbfbe",
    "efbfbf",
    "efbbbf61",
    "efbfb9efbfbaefbfbbefbfbc",
    "f0908080",
    "f09fbfbe",
    "f48fbfbf",
  ]
) {
  test(`the text ${hex} arrives, whole and in bytes`, async ({ open }) => {
    const pair = await open();
    const bytes = Buffer.from(hex, "hex");
    pair.client.send(frame(text, bytes), ...fragments(bytes, 1));
    const said = bytes.toString();
    assert.deepEqual(await pair.until(2), [["text", said], ["text", said]]);
  });
}

test("the noncharacters of every plane arrive", async ({ open }) => {
  const pair = await open();
  const said = Array.from(
    { length: 17 },
    (_, plane) =>
      String.fromCodePoint(plane << 16 | 0xfffe, plane << 16 | 0xffff),
  );
  for (const text of said) pair.client.sendText(text);
  const texts = said.map((text) => ["text", text]);
  assert.deepEqual(await pair.until(said.length), texts);
});

// Group 7: close frames.
for (
  const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012]
    .concat(1013, 1014, 3000, 3999, 4000, 4001, 4999)
) {
  const bytes = [closeFrame(code, "gone for lunch")];
  test(
    `the client's close code ${code} is echoed and told`,
    async ({ open }) => {
      const pair = await open();
      pair.client.send(...bytes);
      assert.equal((await pair.client.readClose())?.code, code);
      assert.equal(await pair.client.read(), null);
      assert.deepEqual(await pair.untilClosed(), [[
        "closed",
        code,
        "gone for lunch",
      ]]);
    },
    {
      unless: code !== 1014 ? {} : {
        native: ["take_1014", async ({ open }) => {
          const pair = await open();
          pair.client.send(...bytes);
          assert.equal((await pair.client.readClose())?.code, 1002);
          assert.equal((await pair.untilClosed())[0]?.[1], 1002);
        }],
      },
    },
  );
}

for (const reason of ["", "é漢😀", "x".repeat(123)]) {
  test(`a close reason of ${reason.length} characters is told`, async ({ open }) => {
    const pair = await open();
    pair.client.send(closeFrame(4000, reason));
    await pair.client.readClose();
    assert.deepEqual(await pair.untilClosed(), [["closed", 4000, reason]]);
  });
}

test("an empty close frame is echoed, and told as 1005", async ({ open }) => {
  const pair = await open();
  pair.client.send(frame(close));
  assert.deepEqual(await pair.client.readClose(), { code: null, reason: "" });
  assert.deepEqual(await pair.untilClosed(), [["closed", 1005, ""]]);
});

test("what comes after a close frame is not read, nor answered", async ({ open }) => {
  const pair = await open();
  pair.client.send(
    frame(text, "a", { fin: false }),
    closeFrame(1000),
    frame(continuation, "b"),
    frame(ping),
    closeFrame(1001),
  );
  assert.equal((await pair.client.readClose())?.code, 1000);
  assert.equal(await pair.client.read(), null);
  assert.deepEqual(await pair.untilClosed(), [["closed", 1000, ""]]);
});
