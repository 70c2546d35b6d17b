// One's own read mark: it only moves forward, never past the head, and goes with the membership.
import assert from "node:assert/strict";
import { Refused } from "../../kv/errors.ts";
import { keys } from "../../kv/keys.ts";
import { markRead } from "../../kv/receipts/read.ts";
import { changeRoom, getRoom } from "../../kv/rooms/change.ts";
import { removeFromRoom } from "../../kv/rooms/members.ts";
import {
  inWorld,
  notStored,
  refuses,
  run,
  storedButCalledLost,
  storedWithoutAnswer,
} from "../accounts/world.ts";
import { headOf, people, person, roomOf, say } from "../log/world.ts";

Deno.test("a mark names the messages up to it, at a message or any other event, in pages of one's own or not", () =>
  inWorld(async ({ core, store }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "member" });
    const said: { seq: number; own: boolean }[] = [];
    // As many of bob's that what he sent takes several pages, and that some is not in his rows yet.
    for (let i = 0; i < 170; i++) {
      const own = i % 3 !== 0;
      const { seq } = await say(core, room, own ? bob! : ada!, `${i}`);
      said.push({ seq, own });
      if (i % 7 === 0) {
        await run(core, changeRoom, { room, name: `${i}` }, ada!);
      }
    }
    const head = await headOf(store, room);
    assert.ok(head.folded!.seq > 4 && head.folded!.seq < head.seq);
    for (let seq = 4; seq <= head.seq; seq++) {
      const read = said.filter((one) => one.seq <= seq);
      const unread = said.filter((one) => one.seq > seq && !one.own).length;
      const marked = await run(core, markRead, { room, seq }, bob!);
      assert.deepEqual(marked, { seq, n: read.length, unread });
      const shown = await run(core, getRoom, { room }, bob!);
      assert.deepEqual([shown.read, shown.unread], [seq, unread]);
    }
    assert.deepEqual(await headOf(store, room), head, "the head has moved");
  }));

Deno.test("a mark never moves back, however many are set at once and by whom", () =>
  inWorld(async ({ core, rings, isolate }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "member" });
    for (let i = 0; i < 12; i++) await say(core, room, ada!, `${i}`);
    rings.length = 0;
    const isolates = [core, isolate(), isolate()];
    const answers = await Promise.all(
      [9, 4, 15, 7, 12, 15, 3, 10].map((seq, i) =>
        run(isolates[i % 3]!, markRead, { room, seq }, bob!)
      ),
    );
    assert.ok(
      answers.every(({ seq }, i) => seq >= [9, 4, 15, 7, 12, 15, 3, 10][i]!),
    );
    const back = await run(core, markRead, { room, seq: 5 }, bob!);
    assert.deepEqual(back, { seq: 15, n: 12, unread: 0 });
    const marks = rings.filter((ring) =>
      "what" in ring && ring.what === "mark"
    );
    assert.ok(marks.length >= 1 && marks.length <= 8);
  }));

Deno.test("a mark past the head is refused, and says how far one may go", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const before = await store.get(keys.mark("ada", room));
    for (const seq of [3, 1e9, Number.MAX_SAFE_INTEGER]) {
      await assert.rejects(run(core, markRead, { room, seq }, ada), (error) => {
        assert.ok(refuses("invalid")(error) && error instanceof Refused);
        assert.deepEqual(error.errors, [
          { path: "seq", message: "must be at most 2" },
        ]);
        return true;
      });
    }
    assert.deepEqual(await store.get(keys.mark("ada", room)), before);
  }));

for (const fault of [storedWithoutAnswer, storedButCalledLost, notStored]) {
  Deno.test(`a mark whose commit is ${fault.name} is set, and told to one's own devices`, () =>
    inWorld(async ({ core, store, rings }) => {
      const ada = await person(core, "ada");
      const room = await roomOf(core, ada);
      const { seq } = await say(core, room, ada, "hi");
      rings.length = 0;
      store.faults.push(fault);
      const marked = await run(core, markRead, { room, seq }, ada);
      assert.deepEqual(marked, { seq, n: 1, unread: 0 });
      assert.deepEqual(
        rings.filter((ring) => "user" in ring),
        [{ user: "ada", what: "mark", in: room }],
      );
    }));
}

Deno.test("a mark that is set while its member is removed does not outlive the membership", () =>
  inWorld(async ({ core, store }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "member" });
    const { seq } = await say(core, room, ada!, "hi");
    // Between the mark's being read and its being written.
    store.faults.push(async (commit) => {
      await run(core, removeFromRoom, { room, userId: "bob" }, ada!);
      return await commit();
    });
    await assert.rejects(
      run(core, markRead, { room, seq }, bob!),
      refuses("not_found"),
    );
    assert.equal((await store.get(keys.mark("bob", room))).value, null);
  }));

Deno.test("a mark that is always taken from under one's feet is refused in the end, to be tried again", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const { seq } = await say(core, room, ada, "hi");
    const { commit } = store;
    let tries = 0;
    store.commit = () => {
      tries++;
      return Promise.resolve({ kind: "lost" });
    };
    await assert.rejects(
      run(core, markRead, { room, seq }, ada),
      refuses("unavailable"),
    );
    assert.ok(tries > 1 && tries <= 100, `${tries} tries`);
    store.commit = commit;
    assert.equal((await run(core, markRead, { room, seq }, ada)).seq, seq);
  }));
