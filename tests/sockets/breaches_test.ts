// What breaks RFC 6455 or a limit ends the connection, on every transport: after Autobahn's groups 3 to 7 and 9.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { LIMITS } from "../../kv/limits.ts";
import { closeFrame, frame, OPCODE } from "./raw_client.ts";
import { type Scene, test } from "./scene.ts";

const { text, binary, continuation, ping, pong, close } = OPCODE;

/**
 * Sends it after a good frame; the session is told that and the end, nothing else. `said` is the server's close
 * code, null where it ends the connection without a word.
 */
function refused(
  bytes: readonly Uint8Array[],
  code: number,
  { said = code }: { readonly said?: number | null } = {},
) {
  return async ({ open, thrown }: Scene) => {
    const pair = await open();
    pair.client.send(frame(text, "before"), ...bytes);
    assert.equal((await pair.client.readClose())?.code ?? null, said);
    pair.client.sendText("after");
    await pair.client.end();
    const [first, last, ...more] = await pair.untilClosed();
    assert.deepEqual(first, ["text", "before"]);
    assert.deepEqual([last?.[0], last?.[1]], ["closed", code]);
    assert.deepEqual(more, []);
    assert.deepEqual(thrown, []);
  };
}

/** Sends it and gives it up; the session is told of a connection that broke. */
function readOn(bytes: readonly Uint8Array[]) {
  return async ({ open }: Scene) => {
    const pair = await open();
    pair.client.send(frame(text, "before"), ...bytes);
    await pair.until(1);
    await pair.client.end();
    assert.deepEqual(await pair.untilClosed(), [["text", "before"], [
      "closed",
      1006,
      "",
    ]]);
  };
}

/** Whether it is right as far as it goes: another byte might end the character. */
function isCutShort(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function testBreach(
  what: string,
  code: number,
  bytes: readonly Uint8Array[],
): void {
  test(`${what} is closed with ${code}`, refused(bytes, code), {
    unless: {
      native: ["say_why", refused(bytes, code, { said: null })],
    },
  });
}

// Group 3: reserved bits.
for (let rsv = 1; rsv < 8; rsv++) {
  for (const name of ["text", "binary", "ping", "close"] as const) {
    testBreach(`a ${name} with reserved bits ${rsv}`, 1002, [
      frame(OPCODE[name], name === "close" ? "" : "x", { rsv }),
    ]);
  }
}

// Group 4: opcodes.
for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
  for (const payload of ["", "x"]) {
    testBreach(
      `reserved opcode ${opcode} with ${payload.length} bytes`,
      1002,
      [frame(opcode, payload), frame(ping)],
    );
  }
}

// Groups 2, 5 and 7: control frames and fragments.
for (
  const [what, bytes] of [
    ["a fragmented ping", [frame(ping, "x", { fin: false })]],
    ["a fragmented pong", [frame(pong, "x", { fin: false })]],
    ["a fragmented close", [
      frame(close, closeFrame(1000).subarray(-2), { fin: false }),
    ]],
    ["a ping of 126 bytes", [frame(ping, "x".repeat(126))]],
    ["a close frame of one byte", [frame(close, "x")]],
    ["a continuation of nothing", [frame(continuation, "x")]],
    ["a first fragment that continues nothing", [
      frame(continuation, "x", { fin: false }),
    ]],
    ["a first fragment that continues nothing, before a text", [
      frame(continuation, "x", { fin: false }),
      frame(text, "y", { fin: false }),
    ]],
    ["a binary frame inside a text", [
      frame(text, "x", { fin: false }),
      frame(binary, "y"),
    ]],
    ["a text inside a text", [
      frame(text, "x", { fin: false }),
      frame(text, "y"),
    ]],
  ] as const
) {
  testBreach(what, 1002, bytes);
}

{
  const long = frame(pong, "x".repeat(126));
  test("a pong of 126 bytes is closed with 1002", refused([long], 1002), {
    unless: {
      native: ["measure_controls", async ({ open }) => {
        const pair = await open();
        pair.client.send(long, frame(text, "after"));
        assert.deepEqual(await pair.until(1), [["text", "after"]]);
      }],
    },
  });

  const reason = "x".repeat(124);
  test(
    "a close frame of 126 bytes is closed with 1002",
    refused([closeFrame(1000, reason)], 1002),
    {
      unless: {
        native: ["measure_controls", async ({ open }) => {
          const pair = await open();
          pair.client.send(closeFrame(1000, reason));
          assert.equal((await pair.client.readClose())?.code, 1000);
          assert.deepEqual(await pair.untilClosed(), [[
            "closed",
            1000,
            reason,
          ]]);
        }],
      },
    },
  );
}

test("a continuation after a whole text is closed with 1002", async ({ open }) => {
  const pair = await open();
  pair.client.send(
    frame(text, "a", { fin: false }),
    frame(continuation, "b"),
    frame(continuation, "c", { fin: false }),
    frame(text, "d"),
  );
  await pair.client.readClose();
  await pair.client.end();
  const [whole, end] = await pair.untilClosed();
  assert.deepEqual([whole, end?.slice(0, 2)], [["text", "ab"], [
    "closed",
    1002,
  ]]);
});

// Group 6: cut short, overlong, surrogates, beyond U+10FFFF, bytes that never occur or stand alone.
for (
  const hex of [
    "c328",
    "cebae1bdb9cf83cebcceb5eda080656469746564",
    "cebae1bdb9cf83cebcceb5f4908080656469746564",
    "cebae1bdb9cf83cebcceb5fe656469746564",
    "ce",
    "cebae1",
    "cebae1bd",
    "e282",
    "f0908d",
    "80",
    "bf",
    "808080",
    "f8888080",
    "f888808080",
    "fc8480808080",
    "fe",
    "ff",
    "c080",
    "c0af",
    "e080af",
    "f08080af",
    "c1bf",
    "e09fbf",
    "f08fbfbf",
    "eda080",
    "edafbf",
    "edb080",
    "edbfbf",
    "eda080edb080",
    "f4908080",
    "f7bfbfbf",
    "fbbfbfbfbf",
    "fdbfbfbfbfbf",
    "80bf80bf80bf",
    "c020c120c220",
    "e020e120ef20",
    "f020f120f720",
    "f820fb20",
    "fc20fd20",
    "c0",
    "df",
    "e080",
    "efbf",
    "f08080",
    "f7bfbf",
    "c0e080f08080f8808080fc80808080",
    "fefeffff",
    "f8808080af",
    "fc80808080af",
    "f887bfbfbf",
    "fc83bfbfbfbf",
    "e08080",
    "f0808080",
    "edadbf",
    "edae80",
    "edbe80",
    "eda080edbfbf",
    "edafbfedb080",
    "edafbfedbfbf",
  ]
) {
  const bytes = Buffer.from(hex, "hex");
  testBreach(`the text ${hex}`, 1007, [frame(text, bytes)]);
  // The last fragment is that of the last byte, so nothing says earlier that the text is cut short.
  const parts = [...bytes].map((byte, index) =>
    frame(index === 0 ? text : continuation, Buffer.of(byte), {
      fin: index === bytes.length - 1,
    })
  );
  const name = `the text ${hex} in fragments of a byte`;
  if (bytes.length > 1 && isCutShort(bytes)) {
    test(`${name} is closed with 1007`, refused(parts, 1007), {
      unless: {
        native: ["see_cut_texts", async ({ open }) => {
          const pair = await open();
          pair.client.send(...parts);
          const said = new TextDecoder().decode(bytes, { stream: true });
          assert.deepEqual(await pair.until(1), [["text", said]]);
        }],
      },
    });
  } else testBreach(name, 1007, parts);
}

testBreach("bad UTF-8 in a close reason", 1007, [
  frame(close, Buffer.of(0x03, 0xe8, 0xff)),
]);

{
  const begun = [frame(text, Buffer.of(0xff), { fin: false })];
  test(
    "bad UTF-8 is closed with 1007 before the message is whole",
    refused(begun, 1007),
    {
      unless: {
        ws: [
          "fail_fast",
          refused([...begun, frame(continuation, "x")], 1007),
        ],
        native: ["say_why", refused(begun, 1007, { said: null })],
      },
    },
  );
}

// Group 7: close codes.
for (
  const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000]
    .concat(65535)
) {
  test(
    `close code ${code} is closed with 1002`,
    refused([closeFrame(code)], 1002),
  );
}

// Not in Autobahn's suite, whose client always masks.
{
  const bytes = [frame(text, "x", { masked: false })];
  test("an unmasked frame is closed with 1002", refused(bytes, 1002), {
    unless: {
      native: ["check_masks", async ({ open }) => {
        const pair = await open();
        pair.client.send(...bytes);
        assert.deepEqual(await pair.until(1), [["text", "x"]]);
      }],
    },
  });
}

// Group 9: limits.
for (
  const [what, bytes] of [
    ["a text over the limit", [
      frame(text, "x".repeat(LIMITS.bodyBytes + 1)),
    ]],
    ["a text over the limit in bytes only", [
      frame(text, "é".repeat(LIMITS.bodyBytes / 2 + 1)),
    ]],
    ["a binary frame over the limit", [
      frame(OPCODE.binary, "x".repeat(LIMITS.bodyBytes + 1)),
    ]],
    ["fragments over the limit", [
      frame(text, "x".repeat(LIMITS.bodyBytes), { fin: false }),
      frame(continuation, "x"),
    ]],
  ] as const
) {
  test(`${what} is closed with 1009`, refused(bytes, 1009));
}

{
  const header = Buffer.of(0x81, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4);
  const tooLarge = Buffer.of(0x81, 0xff, 0, 0, 0, 0, 4, 0, 0, 1, 1, 2, 3, 4);
  test("a length of 16 MiB is closed with 1009", refused([header], 1009), {
    unless: { native: ["cap_while_reading", readOn([header])] },
  });
  test("a length over 64 MiB is closed with 1009", refused([tooLarge], 1009), {
    unless: {
      native: ["say_why", refused([tooLarge], 1009, { said: null })],
    },
  });
}

{
  const bytes: Buffer[] = [
    frame(text, "x", { fin: false }),
    ...Array(20_000).fill(frame(continuation, "", { fin: false })),
  ];
  test(
    "more fragments than anybody needs is closed with 1008",
    refused(bytes, 1008),
    { unless: { native: ["count_fragments", readOn(bytes)] } },
  );
}
