// What may be said, and what becomes of it: text rules, exactly once, editing, deleting, and nothing left behind.
import assert from "node:assert/strict";
import { readLog } from "../../kv/log/read.ts";
import { deleteMessage, editMessage } from "../../kv/messages/edit.ts";
import { getMessage } from "../../kv/messages/history.ts";
import { sendMessage } from "../../kv/messages/send.ts";
import { changeMember, removeFromRoom } from "../../kv/rooms/members.ts";
import { presentRows } from "../../kv/rooms/present.ts";
import { inWorld, refuses, run } from "../accounts/world.ts";
import {
  everything,
  people,
  person,
  roomOf,
  say,
  wholeLog,
} from "../log/world.ts";

const EMOJI = "\u{1F600}";

Deno.test("a text is 1 to 8,000 code points of well-formed Unicode without control characters", () => {
  const parse = (text: unknown) =>
    sendMessage.input.safeParse({ room: "r", text });
  const good: [string, string?][] = [
    ["x".repeat(8000)],
    [EMOJI.repeat(8000)],
    ["e\u0301".repeat(4000)],
    ["tab\tand\nline"],
    ["a\r\nb\r\n", "a\nb\n"],
    ["  kept as it is  "],
    ["\u200d\u2028\ufeff."],
    // A Windows line end counts once.
    ["x".repeat(7999) + "\r\n", "x".repeat(7999) + "\n"],
  ];
  for (const [text, stored = text] of good) {
    assert.equal(
      parse(text).data?.text,
      stored,
      JSON.stringify(text.slice(-20)),
    );
  }
  const bad: unknown[] = [
    "",
    " \n\t\u3000",
    "x".repeat(8001),
    EMOJI.repeat(8001),
    "\ud83d",
    "x\ude00x",
    `${EMOJI}\ud83d`,
    "\u0000",
    "bell\u0007",
    "\u001b[31m",
    "old Mac\rline",
    "del\u007f",
    "c1\u0085",
    7,
    null,
    ["x"],
    undefined,
  ];
  for (const text of bad) {
    const { success, error } = parse(text);
    assert.ok(!success, JSON.stringify(text)?.slice(0, 30));
    assert.deepEqual(error.issues[0]?.path, ["text"]);
  }
});

Deno.test("a clientId is one line of 1 to 64 characters", () => {
  const parse = (clientId: unknown) =>
    sendMessage.input.safeParse({ room: "r", text: "x", clientId }).success;
  for (const good of ["1", "x".repeat(64), EMOJI.repeat(64), "a b/c", "é"]) {
    assert.ok(parse(good), good);
  }
  for (
    const bad of ["", " ", "x".repeat(65), "a\nb", "\u0000", "\ud800", 7, null]
  ) {
    assert.ok(!parse(bad), JSON.stringify(bad));
  }
});

Deno.test("a message is sent once for a clientId of a user and room; without one, each time", () =>
  inWorld(async ({ core, store }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "member" });
    const other = await roomOf(core, ada!);
    const first = await say(core, room, ada!, "hi", "1");
    assert.deepEqual(
      [first.seq, first.n, first.duplicate, "differs" in first],
      [4, 1, false, false],
    );
    assert.deepEqual(await say(core, room, ada!, "hi", "1"), {
      ...first,
      duplicate: true,
    });
    assert.deepEqual(await say(core, room, ada!, "ho", "1"), {
      ...first,
      duplicate: true,
      differs: true,
    });
    const all = [
      await say(core, room, bob!, "hi", "1"),
      await say(core, other, ada!, "hi", "1"),
      await say(core, room, ada!, "hi"),
      await say(core, room, ada!, "hi"),
    ];
    assert.ok(all.every(({ duplicate }) => !duplicate));
    assert.equal((await wholeLog(store, room)).length, 7);
  }));

Deno.test("a repeat in the same batch is one message", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const answers = await Promise.all([
      say(core, room, ada, "hi", "1"),
      say(core, room, ada, "hi", "1"),
      say(core, room, ada, "ho", "1"),
    ]);
    assert.equal(new Set(answers.map(({ messageId }) => messageId)).size, 1);
    assert.deepEqual(
      answers.map(({ duplicate, differs }) => [duplicate, differs]),
      [[false, undefined], [true, undefined], [true, true]],
    );
    assert.equal((await wholeLog(store, room)).length, 3);
  }));

Deno.test("a repeat after a removal, an edit or a deletion is held against what was said first", () =>
  inWorld(async ({ core, isolate }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "member" });
    const first = await say(core, room, bob!, "first", "1");
    const { messageId } = first;
    const repeats = async (text: string, differs: boolean) => {
      for (const one of [core, isolate()]) {
        assert.deepEqual(await say(one, room, bob!, text, "1"), {
          ...first,
          duplicate: true,
          ...(differs ? { differs } : {}),
        });
      }
    };
    for (const text of ["second", "third"]) {
      await run(core, editMessage, { room, messageId, text }, bob!);
      await repeats("first", false);
      await repeats(text, true);
    }
    await run(core, deleteMessage, { room, messageId }, ada!);
    await run(core, removeFromRoom, { room, userId: "bob" }, ada!);
    await repeats("first", false);
    await repeats("third", true);
  }));

Deno.test("what was edited away or deleted is in no row, and the replay tells the present only", () =>
  inWorld(async ({ core, store }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "member" });
    const first = await say(core, room, bob!, "SECRET one");
    const second = await say(core, room, bob!, "SECRET two");
    const edit = { room, messageId: first.messageId };
    for (const text of ["SECRET again", "public"]) {
      await run(core, editMessage, { ...edit, text }, bob!);
    }
    const { messageId } = second;
    const deleted = await run(core, deleteMessage, { room, messageId }, ada!);
    assert.deepEqual(deleted.by, "ada");
    const rows = await everything(store);
    assert.doesNotMatch(JSON.stringify(rows), /SECRET/);

    const log = await readLog(store, room, { after: 3, until: 8, limit: 10 });
    const frames = (await presentRows(core, room, log)).map((frame) =>
      JSON.parse(frame)
    );
    const now = await run(core, getMessage, edit, bob!);
    assert.deepEqual(
      frames.map(({ type, seq, data }) => [type, seq, data.rev, data.text]),
      [
        ["message.created", 4, 7, "public"],
        ["message.created", 5, 8, undefined],
        ["message.updated", 6, 7, "public"],
        ["message.updated", 7, 7, "public"],
        ["message.deleted", 8, 8, undefined],
      ],
    );
    assert.deepEqual(frames[3].data, now);
    assert.deepEqual(frames[4].data, deleted);
  }));

Deno.test("an edit that changes nothing is no event; a deleted message is edited no more, and deleted once", () =>
  inWorld(async ({ core, store }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "admin" });
    const { messageId, seq } = await say(core, room, ada!, "same");
    const edit = { room, messageId, text: "same" };
    const unchanged = await run(core, editMessage, edit, ada!);
    assert.deepEqual([unchanged.rev, unchanged.editedAt], [seq, undefined]);

    const deleted = await run(core, deleteMessage, { room, messageId }, ada!);
    const again = await run(core, deleteMessage, { room, messageId }, bob!);
    assert.deepEqual(again, deleted);
    await assert.rejects(
      run(core, editMessage, edit, ada!),
      refuses("conflict"),
    );
    assert.equal((await wholeLog(store, room)).length, 5);
  }));

Deno.test("changes of one message in one batch see each other", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const { messageId } = await say(core, room, ada, "first");
    const edit = (text: string) =>
      run(core, editMessage, { room, messageId, text }, ada);
    const remove = () => run(core, deleteMessage, { room, messageId }, ada);
    const [, same, gone, late, again] = await Promise.allSettled([
      edit("second"),
      edit("second"),
      remove(),
      edit("back again"),
      remove(),
    ]);
    assert.ok(same.status === "fulfilled" && same.value.rev === 4);
    assert.ok(late.status === "rejected" && refuses("conflict")(late.reason));
    assert.ok(gone.status === "fulfilled" && again.status === "fulfilled");
    assert.deepEqual(again.value, gone.value);
    assert.equal((await wholeLog(store, room)).length, 5);
  }));

Deno.test("only its author edits a message, and only while they may write", () =>
  inWorld(async ({ core, store }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "member" });
    const { messageId } = await say(core, room, bob!, "bob's");
    const edit = { room, messageId, text: "changed" };
    const only = "Only its author edits a message.";
    await assert.rejects(
      run(core, editMessage, edit, ada!),
      refuses("forbidden", only),
    );
    const guest = { room, userId: "bob", role: "guest" };
    await run(core, changeMember, guest, ada!);
    await assert.rejects(
      run(core, editMessage, edit, bob!),
      refuses("forbidden"),
    );
    await assert.rejects(
      run(core, deleteMessage, { room, messageId }, bob!),
      refuses("forbidden"),
    );
    // The id of another room's message is nothing here.
    const other = await roomOf(core, bob!);
    await assert.rejects(
      run(core, editMessage, { ...edit, room: other }, bob!),
      refuses("not_found"),
    );
    assert.equal((await wholeLog(store, room)).length, 5);
  }));
