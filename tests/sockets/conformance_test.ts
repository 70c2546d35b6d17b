// What every transport under the socket port must do, RFC 6455's cases first.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { closeFrame, frame, OPCODE } from "./raw_client.ts";
import { packet, type Scene, test } from "./scene.ts";

test("the handshake answers with the accepted key", async ({ open }) => {
  const { answer } = await open();
  assert.equal(answer.status, 101);
  assert.equal(
    answer.headers.get("sec-websocket-accept"),
    "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
  );
  assert.equal(answer.headers.has("sec-websocket-extensions"), false);
});

for (
  const [what, given] of Object.entries({
    "no key": { headers: { "Sec-WebSocket-Key": null } },
    "a short key": { headers: { "Sec-WebSocket-Key": "short" } },
    "an old version": { headers: { "Sec-WebSocket-Version": "7" } },
    "an odd list of subprotocols": {
      headers: { "Sec-WebSocket-Protocol": "a,,b" },
    },
    "another upgrade": { headers: { Upgrade: "h2c" } },
    "another method": { method: "POST" },
  })
) {
  test(`a handshake with ${what} is refused`, async ({ open }) => {
    const { answer } = await open(given);
    assert.ok(
      answer.status === 400 || answer.status === 405,
      `${answer.status}`,
    );
  });
}

test("compression is not accepted when offered", async ({ open }) => {
  const { answer } = await open({
    headers: { "Sec-WebSocket-Extensions": "permessage-deflate" },
  });
  assert.equal(answer.headers.has("sec-websocket-extensions"), false);
});

for (
  const [offered, chosen] of [
    [null, undefined],
    ["kvorum.v1", "kvorum.v1"],
    ["secret-token, kvorum.v1", "kvorum.v1"],
    ["secret-token", undefined],
    ["kvorum.v2, KVORUM.V1", undefined],
  ] as const
) {
  test(`of the subprotocols ${offered} it chooses ${chosen}`, async ({ open }) => {
    const { answer } = await open({
      headers: { "Sec-WebSocket-Protocol": offered },
    });
    assert.equal(answer.status, 101);
    assert.equal(answer.headers.get("sec-websocket-protocol"), chosen);
  });
}

test("text beyond ASCII goes there and back", async ({ open }) => {
  const pair = await open({
    onText: (port, text) => port.write([packet(text)]),
  });
  const text = `${"é漢😀\u0000".repeat(40)}\ufeff`;
  pair.client.sendText(text);
  assert.equal(await pair.client.readText(), text);
});

test("what comes in one piece with the handshake's next bytes is read in order", async ({ open }) => {
  const pair = await open();
  pair.client.send(
    ...["a", "b", "c"].map((text) => frame(OPCODE.text, text)),
  );
  assert.deepEqual(await pair.until(3), [["text", "a"], ["text", "b"], [
    "text",
    "c",
  ]]);
});

test("a frame that comes byte by byte is read", async ({ open }) => {
  const pair = await open();
  for (const byte of frame(OPCODE.text, "slow")) {
    await new Promise<void>((resolve) =>
      pair.client.socket.write(Buffer.of(byte), () => resolve())
    );
  }
  assert.deepEqual(await pair.until(1), [["text", "slow"]]);
});

test("fragments make one text, with control frames between them", async ({ open }) => {
  const pair = await open();
  const bytes = Buffer.from("é漢😀");
  pair.client.send(
    frame(OPCODE.text, bytes.subarray(0, 3), { fin: false }),
    frame(OPCODE.ping, "between"),
    frame(OPCODE.continuation, "", { fin: false }),
    frame(OPCODE.pong, "unasked"),
    frame(OPCODE.continuation, bytes.subarray(3)),
  );
  assert.deepEqual(await pair.until(1), [["text", "é漢😀"]]);
  const pong = await pair.client.read();
  assert.equal(pong?.opcode, OPCODE.pong);
  assert.equal(pong?.payload.toString(), "between");
});

test("a binary frame is told without its content", async ({ open }) => {
  const pair = await open();
  pair.client.send(
    frame(OPCODE.binary, Buffer.of(0xff, 0)),
    frame(OPCODE.text, "after"),
  );
  assert.deepEqual(await pair.until(2), [["binary"], ["text", "after"]]);
});

test(
  "ping() reaches the client, and its pong is a sign of life",
  async ({ open }) => {
    const pair = await open();
    pair.port.ping();
    assert.equal((await pair.client.read())?.opcode, OPCODE.ping);
    assert.equal(pair.alive, 0);
    pair.client.send(frame(OPCODE.pong), frame(OPCODE.text, "x"));
    await pair.until(1);
    assert.ok(pair.alive > 0);
  },
  {
    unless: {
      native: ["ping_when_asked", async ({ open }) => {
        const pair = await open();
        pair.port.ping();
        assert.equal(pair.alive, 1);
        // The runtime's ping waits behind what the peer does not take: such a peer is alive while it takes something.
        const half = packet("x".repeat(8 << 20));
        pair.port.write([half, half]);
        pair.port.ping();
        assert.equal(pair.alive, 1);
        await pair.client.readText();
        await pair.port.whenDrained(9 << 20);
        assert.ok(pair.port.buffered > 0);
        pair.port.ping();
        assert.equal(pair.alive, 2);
        await pair.client.readText();
        await pair.port.whenDrained(0);
        pair.port.ping();
        pair.port.ping();
        assert.equal(pair.alive, 4);
      }],
    },
  },
);

test("a connection that breaks off is told as 1006", async ({ open }) => {
  const pair = await open();
  await pair.client.end();
  assert.deepEqual(await pair.untilClosed(), [["closed", 1006, ""]]);
});

/** Says goodbye to a client that answers, with something else before it or not. */
const partings = (before: readonly Uint8Array[], told: number) =>
async (
  { open }: Scene,
) => {
  const pair = await open();
  pair.port.write([packet("last words")]);
  pair.port.close(4001, "draining");
  assert.equal(await pair.client.readText(), "last words");
  assert.deepEqual(await pair.client.readClose(), {
    code: 4001,
    reason: "draining",
  });
  pair.client.send(...before, closeFrame(4001));
  assert.equal(await pair.client.read(), null);
  assert.deepEqual(await pair.untilClosed(), [["closed", told, ""]]);
};

test(
  "close() comes after what was written, and waits for the answer",
  partings([], 4001),
);

test(
  "close() waits for the answer past other frames",
  partings([frame(OPCODE.text, "too late")], 4001),
  {
    unless: {
      native: [
        "hear_late_answers",
        partings([frame(OPCODE.text, "too late")], 1006),
      ],
    },
  },
);

test("close() in a handler arrives although other frames were read with that one", async ({ open }) => {
  const pair = await open({
    onText: (port) => {
      port.write([packet("last words")]);
      port.close(4029, "rate_limited");
    },
  });
  pair.client.send(...Array(50).fill(frame(OPCODE.text, "more")));
  assert.equal(await pair.client.readText(), "last words");
  assert.equal((await pair.client.readClose())?.code, 4029);
  await pair.client.end();
  assert.equal((await pair.untilClosed()).length, 2);
});

test("close() cuts a long reason between characters", async ({ open }) => {
  const pair = await open();
  pair.port.close(4400, "é".repeat(100));
  assert.deepEqual(await pair.client.readClose(), {
    code: 4400,
    reason: "é".repeat(61),
  });
});

test("close() ends a paused socket too", async ({ open }) => {
  const pair = await open();
  pair.port.pause();
  pair.port.close(4001, "");
  await pair.client.readClose();
  pair.client.send(closeFrame(4001));
  assert.deepEqual(await pair.untilClosed(), [["closed", 4001, ""]]);
});

test("close() cuts off a peer that does not answer", async ({ open }) => {
  const pair = await open();
  pair.port.close(4001, "");
  await pair.client.readClose();
  assert.equal(await pair.client.read(), null);
  assert.deepEqual(await pair.untilClosed(), [["closed", 1006, ""]]);
}, {
  closeMs: 10,
  unless: {
    native: ["cut_off", async ({ open }) => {
      const pair = await open();
      pair.port.close(4001, "");
      await pair.client.readClose();
      assert.deepEqual(await pair.untilClosed(), [["closed", 1006, ""]]);
      await pair.client.end();
    }],
  },
});

test("after close() nothing is written, and nothing throws", async ({ open, thrown }) => {
  const pair = await open();
  pair.port.close(4001, "");
  pair.port.write([packet("never")]);
  pair.port.ping();
  pair.port.close(4002, "");
  pair.port.pause();
  pair.port.resume();
  assert.deepEqual(await pair.client.read(), {
    fin: true,
    opcode: OPCODE.close,
    payload: Buffer.of(0x0f, 0xa1),
  });
  pair.client.send(closeFrame(4001));
  await pair.untilClosed();
  pair.port.write([packet("never")]);
  pair.port.ping();
  pair.port.pause();
  pair.port.resume();
  pair.port.terminate();
  await pair.port.whenDrained(0);
  assert.equal(await pair.client.read(), null);
  assert.equal(pair.events.length, 1);
  assert.deepEqual(thrown, []);
});

test("nothing is written after the peer's close frame", async ({ open }) => {
  const pair = await open();
  pair.client.send(closeFrame(1000));
  await pair.client.readClose();
  pair.port.write([packet("never")]);
  assert.equal(await pair.client.read(), null);
});

test("terminate() ends a half-open socket that reads nothing, once", async ({ open }) => {
  const pair = await open();
  pair.port.write([packet("x".repeat(8 << 20))]);
  assert.ok(pair.port.buffered > 0);
  pair.port.terminate();
  pair.port.terminate();
  assert.deepEqual(await pair.untilClosed(), [["closed", 1006, ""]]);
  await pair.client.end();
  assert.equal(pair.events.length, 1);
});

test("terminate() in a handler stops the frames read with it", async ({ open }) => {
  const pair = await open({ onText: (port) => port.terminate() });
  pair.client.send(frame(OPCODE.text, "a"), frame(OPCODE.text, "b"));
  assert.deepEqual(await pair.untilClosed(), [["text", "a"], [
    "closed",
    1006,
    "",
  ]]);
});

test("write() sends packets in order, each text a frame", async ({ open }) => {
  const pair = await open();
  const long = "漢".repeat(30_000);
  const sizes = [125, 126, 0xffff, 0x10000].map((size) => "x".repeat(size));
  pair.port.write([
    packet("a", "b"),
    packet(),
    packet(...sizes, long),
    packet("c", ""),
  ]);
  pair.port.write([packet("d")]);
  for (const text of ["a", "b", ...sizes, long, "c", ""]) {
    assert.equal(await pair.client.readText(), text);
  }
  assert.equal(await pair.client.readText(), "d");
});

test("one packet may be written to several sockets", async ({ open }) => {
  const pairs = [await open(), await open()];
  const shared = packet("one", "two");
  for (const pair of pairs) pair.port.write([packet("own"), shared]);
  for (const pair of pairs) {
    for (const text of ["own", "one", "two"]) {
      assert.equal(await pair.client.readText(), text);
    }
  }
});

test("what a slow reader leaves is buffered, and whenDrained() tells when it is taken", async ({ open }) => {
  const pair = await open();
  const text = "x".repeat(1 << 20);
  for (let count = 0; count < 16; count++) pair.port.write([packet(text)]);
  assert.ok(pair.port.buffered > 4 << 20, `${pair.port.buffered}`);
  let half = false;
  const drained = pair.port.whenDrained(0);
  const halfDrained = pair.port.whenDrained(8 << 20).then(() => half = true);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(half, false);
  for (let count = 0; count < 16; count++) await pair.client.readText();
  await Promise.all([drained, halfDrained]);
  assert.equal(pair.port.buffered, 0);
  await pair.port.whenDrained(0);
});

test("whenDrained() waits for what is written meanwhile, too", async ({ open }) => {
  const pair = await open();
  const text = "x".repeat(16 << 20);
  pair.port.write([packet(text)]);
  const drained = pair.port.whenDrained(0);
  pair.port.write([packet(text)]);
  for (let count = 0; count < 2; count++) await pair.client.readText();
  await drained;
  assert.equal(pair.port.buffered, 0);
});

test("whenDrained() resolves when the socket goes", async ({ open }) => {
  const pair = await open();
  pair.port.write([packet("x".repeat(16 << 20))]);
  const drained = pair.port.whenDrained(0);
  pair.port.terminate();
  await drained;
});

test("pause() stops the frames, also those read already, until resume()", async ({ open }) => {
  const pair = await open({
    onText: (port, text) => text === "pause" && port.pause(),
  });
  pair.client.send(
    ...["pause", "b", "pause", "c"].map((text) => frame(OPCODE.text, text)),
    frame(OPCODE.binary),
  );
  await pair.until(1);
  pair.client.sendText("d");
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(pair.events.length, 1);
  const alive = pair.alive;
  pair.port.resume();
  assert.ok(pair.alive > alive);
  assert.deepEqual(pair.events.slice(1), [["text", "b"], ["text", "pause"]]);
  pair.port.resume();
  assert.deepEqual((await pair.until(6)).slice(3), [
    ["text", "c"],
    ["binary"],
    ["text", "d"],
  ]);
});

test("a paused socket pushes back on the client", async ({ open }) => {
  const pair = await open();
  pair.port.pause();
  for (let count = 0; count < 200; count++) {
    pair.client.sendText("x".repeat(100_000));
  }
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(pair.client.socket.writableLength > 0);
  assert.equal(pair.events.length, 0);
  pair.port.resume();
  await pair.until(200);
}, {
  unless: {
    native: ["stop_reading", async ({ open }) => {
      for (const [count, size] of [[6, 100_000], [1_001, 1]] as const) {
        const pair = await open();
        pair.port.pause();
        const one = frame(OPCODE.text, "x".repeat(size));
        pair.client.send(...Array(count).fill(one));
        assert.equal((await pair.client.readClose())?.code, 4008);
        pair.client.send(closeFrame(4008));
        assert.deepEqual(await pair.untilClosed(), [
          ["closed", 4008, "too_slow"],
        ]);
      }
    }],
  },
});

test("a handler that throws costs only its own socket", async ({ open, thrown }) => {
  const other = await open({
    onText: (port, text) => port.write([packet(text)]),
  });
  const fault = new Error("a bug");
  const pair = await open({
    onText: () => {
      throw fault;
    },
  });
  pair.client.send(frame(OPCODE.text, "a"), frame(OPCODE.text, "b"));
  assert.equal((await pair.client.readClose())?.code, 1011);
  pair.client.send(closeFrame(1011));
  assert.deepEqual(await pair.untilClosed(), [["text", "a"], [
    "closed",
    1011,
    "",
  ]]);
  assert.deepEqual(thrown, [fault]);
  other.client.sendText("still here");
  assert.equal(await other.client.readText(), "still here");
});

test("an attendant that throws costs only its own socket", async ({ open, thrown }) => {
  const fault = new Error("a bug");
  const pair = await open({
    onOpen: () => {
      throw fault;
    },
  }).catch(() => null);
  assert.equal((await pair!.client.readClose())?.code, 1011);
  assert.deepEqual(thrown, [fault]);
  pair!.add(["closed", 1011, ""]);
});
