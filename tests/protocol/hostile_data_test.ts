// Commands whose data are wrong in every way: each gets a coded error, changes nothing, and is nobody's fault but the client's.
import assert from "node:assert/strict";
import fc from "fast-check";
import * as z from "zod";
import { OPERATIONS } from "../../kv/operations.ts";
import { SESSION_COMMANDS } from "../../realtime/session/commands.ts";
import { seedGiven } from "../seed_given.ts";
import type { Client } from "./client.ts";
import { say } from "./people.ts";
import { type Person, type Served, test } from "./world.ts";

const INPUTS: ReadonlyMap<string, z.ZodType> = new Map(
  [
    ...OPERATIONS.filter(({ access }) => access === "user"),
    ...SESSION_COMMANDS,
  ].map(({ name, input }) => [name, input]),
);
const NAMES = [...INPUTS.keys()];

function fieldsOf(name: string): string[] {
  const input = INPUTS.get(name)!;
  assert.ok(input instanceof z.ZodObject, name);
  return Object.keys(input.shape);
}

/** Every row of the database but those of the feed. */
async function everything({ core }: Served): Promise<string> {
  const rows = await core.store.list([]);
  return JSON.stringify(rows.filter(({ key }) => key[0] !== "feed"));
}

/** One who is in a room with another, and has said hello. */
async function inRoom(
  server: Served,
): Promise<{ client: Client; ada: Person; bob: Person; room: string }> {
  const [ada, bob] = [await server.join("ada"), await server.join("bob")];
  const room = await server.group(ada, bob);
  await say(server, ada, room, "hi");
  const client = await server.connect(ada);
  return { client, ada, bob, room };
}

const LONE = "\ud800";
const WRONG: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  Number.MAX_SAFE_INTEGER,
  "",
  " ",
  "x".repeat(10_000),
  LONE,
  "\u0000",
  "../x",
  "a/b",
  "__proto__",
  [],
  [null],
  ["x".repeat(65)],
  {},
  { $gt: "" },
  { length: 3 },
  { [LONE]: 1 },
  { x: { epoch: LONE, seq: -1 } },
];

test("every field of every command refuses what it does not take, and nothing changes", (served) =>
  served(async (server) => {
    const { client, ada, bob, room } = await inRoom(server);
    const { body } = await server.ask(ada, "GET", `/rooms/${room}/messages`);
    const right: Record<string, unknown> = {
      room,
      userId: bob.id,
      user: bob.id,
      id: bob.id,
      messageId: body.items[0].id,
      text: "hi",
      role: "member",
      type: "group",
      seq: 1,
      token: ada.token,
      session: client.frames[0].data.session,
      q: "a",
    };
    const before = await everything(server);
    let refused = 0;
    for (const name of NAMES) {
      const fields = fieldsOf(name);
      for (const field of fields) {
        for (const wrong of WRONG) {
          const data = Object.fromEntries(
            fields.flatMap((other) =>
              other in right ? [[other, right[other]]] : []
            ),
          );
          data[field] = wrong;
          if (INPUTS.get(name)!.safeParse(data).success) continue;
          const { ok, error } = await client.ask(name, data);
          const what = `${name} ${field} ${JSON.stringify(wrong).slice(0, 40)}`;
          assert.equal(ok, false, what);
          assert.equal(error.code, "invalid", what);
          assert.ok(error.errors.length > 0, what);
          refused++;
        }
      }
    }
    assert.ok(refused > 800, `${refused}`);
    assert.equal(await everything(server), before);
    assert.deepEqual(client.frames.filter(({ type }) => type !== "reply"), []);
  }));

test("whatever JSON a command brings, the answer is a reply, never internal", (served) =>
  served(async (server) => {
    const { client, room, bob } = await inRoom(server);
    // What ends the session, or is asked for in earnest, has tests of its own.
    const names = NAMES.filter((name) => !/delete|session.end/.test(name));
    const known = fc.constantFrom("room", ...new Set(names.flatMap(fieldsOf)));
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.constantFrom<unknown>(room, bob.id, ...WRONG),
      fc.string({ unit: "binary" }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.dictionary(fc.oneof(known, fc.string()), value, { maxKeys: 6 }),
        async (name, data) => {
          const { ok, error } = await client.ask(name, data);
          if (!ok) assert.notEqual(error.code, "internal", name);
        },
      ),
      { numRuns: 400, ...seedGiven() },
    );
    await client.settle();
  }));

test("whatever text comes as a frame, the server answers or closes, and goes on", (served) =>
  served(async (server) => {
    const { ada } = await inRoom(server);
    const before = await everything(server);
    const frame = fc.oneof(
      fc.json(),
      fc.string(),
      fc.json().map((json) =>
        `{"type":"message.send","id":"1","data":${json}}`
      ),
      fc.json().map((json) => json.slice(0, -1)),
      fc.string().map((text) => `{"type":${JSON.stringify(text)}`),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 15 }), async (frames) => {
        const client = await server.connect(ada);
        for (const text of frames) client.send(text);
        await client.settle();
        const replies = client.frames.slice(1);
        assert.equal(replies.length, frames.length + 1);
        for (const { type, ok, error } of replies.slice(0, -1)) {
          assert.deepEqual([type, ok], ["reply", false]);
          assert.match(
            error.code,
            /^(malformed_frame|unknown_command|invalid)$/,
          );
        }
        await client.terminate();
      }),
      { numRuns: 150, ...seedGiven() },
    );
    assert.equal(await everything(server), before);
  }));

test("lone surrogates are refused in texts, names, ids, clientIds and map keys, alone and within", (served) =>
  served(async (server) => {
    const { client, room } = await inRoom(server);
    const before = await everything(server);
    for (
      const half of ["\ud800", "\udfff", "a\ud83d", "\ude00b", "\ude00\ud83d"]
    ) {
      for (
        const [type, data] of [
          ["message.send", { room, text: half }],
          ["message.send", { room, text: "hi", clientId: half }],
          ["message.send", { room: half, text: "hi" }],
          ["message.edit", { room, messageId: half, text: "hi" }],
          ["room.create", { type: "group", name: half }],
          ["room.update", { room, name: half }],
          ["room.update", { room, description: half }],
          ["user.update", { displayName: half }],
          ["user.update", { about: half }],
          ["user.search", { q: half }],
          ["member.add", { room, userId: half }],
          ["resume", { rooms: { [half]: { epoch: "e", seq: 1 } } }],
          ["resume", { cursor: half }],
          ["auth.refresh", { token: half }],
        ] as const
      ) {
        assert.ok(INPUTS.has(type), type);
        const { ok, error } = await client.ask(type, data);
        assert.equal(ok, false, `${type} ${JSON.stringify(data)}`);
        assert.match(error.code, /^(invalid|unauthenticated)$/, type);
      }
    }
    assert.equal(await everything(server), before);
    await client.command("message.send", { room, text: "😀\ud83d\ude00" });
  }));

test("__proto__ in data reaches nothing", (served) =>
  served(async (server) => {
    const { client, room } = await inRoom(server);
    for (
      const data of [
        `{"__proto__":{"room":"${room}","text":"hi"}}`,
        `{"room":"${room}","__proto__":{"text":"hi"}}`,
        `{"constructor":{"prototype":{"room":"${room}"}},"text":"hi"}`,
      ]
    ) {
      const from = client.frames.length;
      client.send(`{"type":"message.send","id":"x","data":${data}}`);
      const { error } = await client.until(({ id }) => id === "x", from);
      assert.equal(error.code, "invalid");
    }
    const from = client.frames.length;
    client.send(
      '{"type":"resume","id":"x","data":{"rooms":{"__proto__":{"epoch":"e","seq":1}}}}',
    );
    const { ok, data } = await client.until(({ id }) => id === "x", from);
    assert.ok(!ok || data.resumed.length === 0);
    assert.equal(({} as Record<string, unknown>)["epoch"], undefined);
  }));

test("an ordinal beyond all reason is a refusal or a gap, never a fault", (served) =>
  served(async (server) => {
    const { client, room } = await inRoom(server);
    const [{ epoch }] = client.frames[0].data.rooms;
    const far = Number.MAX_SAFE_INTEGER;
    const { error } = await client.ask("receipt.read", { room, seq: far });
    assert.equal(error.code, "invalid");
    for (const [field, count] of [["before", 1], ["after", 0]] as const) {
      const { items } = await client.command("room.history", {
        room,
        [field]: far,
      });
      assert.equal(items.length, count);
    }
    const { gap } = await client.command("room.subscribe", {
      room,
      after: far,
    });
    assert.equal(gap.reason, "ahead");
    const { gaps } = await client.command("resume", {
      rooms: { [room]: { epoch, seq: far } },
    });
    assert.equal(gaps[0].reason, "ahead");
    const [seq] = [
      (await client.command("message.send", { room, text: "x" })).seq,
    ];
    await client.event(room, seq);
  }));
