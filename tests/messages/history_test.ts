// Reading what was said: both ways from any place, as much as fits into one response.
import assert from "node:assert/strict";
import { LIMITS } from "../../kv/limits.ts";
import { deleteMessage, editMessage } from "../../kv/messages/edit.ts";
import { getMessage, readHistory } from "../../kv/messages/history.ts";
import { changeRoom } from "../../kv/rooms/change.ts";
import { removeFromRoom } from "../../kv/rooms/members.ts";
import { inWorld, refuses, run } from "../accounts/world.ts";
import { people, person, roomOf, say } from "../log/world.ts";

Deno.test("room.history reads both ways from any seq, ascending, and says whether there is more", () =>
  inWorld(async ({ core }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const seqs: number[] = [];
    for (let i = 0; i < 12; i++) {
      seqs.push((await say(core, room, ada, `${i}`)).seq);
      // Other events stand between the messages.
      if (i % 3 === 0) await run(core, changeRoom, { room, name: `${i}` }, ada);
    }
    const head = seqs.at(-1)!;
    const history = async (input: Record<string, number>) => {
      const page = await run(core, readHistory, { room, ...input }, ada);
      assert.equal(page.asOf, head);
      return [page.items.map(({ seq }) => seq), page.hasMore];
    };
    for (const limit of [1, 2, 5, 12, 13, 100]) {
      assert.deepEqual(await history({ limit }), [
        seqs.slice(-limit),
        limit < 12,
      ]);
      for (let at = 0; at <= head + 2; at++) {
        const before = seqs.filter((seq) => seq < at);
        const after = seqs.filter((seq) => seq > at);
        assert.deepEqual(await history({ limit, before: at }), [
          before.slice(-limit),
          before.length > limit,
        ]);
        assert.deepEqual(await history({ limit, after: at }), [
          after.slice(0, limit),
          after.length > limit,
        ]);
      }
    }
  }));

Deno.test("room.history refuses two directions at once, and reads an empty room", () =>
  inWorld(async ({ core }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    await assert.rejects(
      run(core, readHistory, { room, before: 5, after: 1 }, ada),
      refuses("invalid"),
    );
    assert.deepEqual(await run(core, readHistory, { room }, ada), {
      items: [],
      hasMore: false,
      asOf: 2,
    });
  }));

for (
  const [name, text] of Object.entries({
    emoji: "\u{1F600}".repeat(8000),
    "what JSON escapes": '"\\'.repeat(4000),
    "short texts": "x",
  })
) {
  Deno.test(`a page of history fits into a response and loses nothing by it: ${name}`, () =>
    inWorld(async ({ core }) => {
      const ada = await person(core, "ada");
      const room = await roomOf(core, ada);
      const sent = await Promise.all(
        Array.from({ length: 103 }, () => say(core, room, ada, text)),
      );
      const expected = sent.map(({ seq }) => seq);
      for (const way of ["before", "after"] as const) {
        const seen: number[] = [];
        let from = way === "after" ? 0 : 1_000_000;
        for (let more = true; more;) {
          const input = { room, limit: 100, [way]: from };
          const page = await run(core, readHistory, input, ada);
          const bytes = new TextEncoder().encode(JSON.stringify(page)).length;
          assert.ok(bytes <= LIMITS.bodyBytes, `${bytes} bytes`);
          assert.ok(page.items.length > 0);
          const seqs = page.items.map(({ seq }) => seq);
          if (way === "after") seen.push(...seqs);
          else seen.unshift(...seqs);
          from = way === "after" ? seqs.at(-1)! : seqs[0]!;
          more = page.hasMore;
        }
        assert.deepEqual(seen, expected);
      }
    }));
}

Deno.test("history shows messages as they are now: edited, deleted, in their place", () =>
  inWorld(async ({ core }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const [one, two] = [
      await say(core, room, ada, "one", "1"),
      await say(core, room, ada, "two", "2"),
    ];
    const edited = await run(
      core,
      editMessage,
      { room, messageId: one.messageId, text: "uno" },
      ada,
    );
    const deleted = await run(
      core,
      deleteMessage,
      { room, messageId: two.messageId },
      ada,
    );
    const { items } = await run(core, readHistory, { room }, ada);
    assert.deepEqual(items, [edited, {
      id: two.messageId,
      room,
      seq: two.seq,
      n: 2,
      rev: deleted.rev,
      sender: "ada",
      clientId: "2",
      at: two.at,
      deletedAt: deleted.deletedAt,
      deletedBy: "ada",
    }]);
    for (const item of items) {
      const input = { room, messageId: item.id };
      assert.deepEqual(await run(core, getMessage, input, ada), item);
    }
    for (const id of ["3.forged", `${one.messageId}x`, "nothing", "zz.x"]) {
      await assert.rejects(
        run(core, getMessage, { room, messageId: id }, ada),
        refuses("not_found"),
      );
    }
  }));

Deno.test("whoever is removed while a page is read does not get it", () =>
  inWorld(async ({ core, store }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "member" });
    await say(core, room, ada!, "before");
    const { list } = store;
    let removed = false;
    store.list = async <T>(...args: Parameters<typeof list>) => {
      if (args[0][2] === "m" && !removed) {
        removed = true;
        await run(core, removeFromRoom, { room, userId: "bob" }, ada!);
        await say(core, room, ada!, "about bob");
      }
      return await list<T>(...args);
    };
    await assert.rejects(
      run(core, readHistory, { room }, bob!),
      refuses("not_found"),
    );
  }));
