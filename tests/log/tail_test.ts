// The tail of a log that the senders' rows don't tell of yet: counted, known to any isolate, and brought up in time.
import assert from "node:assert/strict";
import type { Principal } from "../../kv/principal.ts";
import { getRoom } from "../../kv/rooms/change.ts";
import { foldedOf } from "../../kv/log/head.ts";
import { keys } from "../../kv/keys.ts";
import { countSent, Sender } from "../../kv/log/sent.ts";
import { DUE, fold, type TailEntry } from "../../kv/log/tail.ts";
import { inWorld, run } from "../accounts/world.ts";
import { headOf, people, roomOf, say, watchCommits } from "./world.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

function pick<T>(all: readonly T[], i: number): T {
  return all[i % all.length]!;
}

Deno.test("senders' rows are written for many messages at once, and the tail stays short", () =>
  inWorld(async ({ core, store }) => {
    const all = await people(core, "ada", "bob", "cyd", "dan", "eve");
    const [ada, ...others] = all;
    const room = await roomOf(
      core,
      ada!,
      Object.fromEntries(others.map(({ user }) => [user, "member"])),
    );
    const commits = watchCommits(store);
    for (const i of numbers(600)) {
      await say(core, room, pick(all, i), `${i}`);
      const head = await headOf(store, room);
      const tail = head.n - foldedOf(head).n;
      assert.ok(tail <= 80, `${tail} messages in the tail`);
      const counted = Object.values(head.unfolded ?? {});
      assert.equal(counted.reduce((sum, count) => sum + count, 0), tail);
    }
    const rows = commits.flatMap(({ mutations }) => mutations)
      .filter(({ key }) => key[2] === "s" || key[2] === "p");
    assert.ok(rows.length <= 600 / 8, `${rows.length} rows`);
  }));

Deno.test("what was sent is known and counted in any isolate, wherever the tail begins", () =>
  inWorld(async ({ core, store, isolate }) => {
    const all = await people(core, "ada", "bob");
    const [ada, bob] = all as [Principal, Principal];
    const room = await roomOf(core, ada, { bob: "member" });
    const first: number[] = [];
    for (const i of numbers(150)) {
      const clientId = `c${i}`;
      first.push(
        (await say(core, room, pick(all, i), "hi", clientId)).seq,
      );
      if (i % 9 !== 0 && i < 140) continue;
      // One that never saw the room, and repeats all that it must know.
      const fresh = isolate();
      for (const j of numbers(i + 1)) {
        const sent = await say(fresh, room, pick(all, j), "hi", `c${j}`);
        assert.deepEqual([sent.seq, sent.duplicate], [first[j], true]);
      }
      const head = await headOf(store, room);
      const asked = all.map(({ user }) => ({ room, user, head }));
      assert.deepEqual(await countSent(store, asked), [
        Math.ceil((i + 1) / 2),
        Math.floor((i + 1) / 2),
      ]);
      const shown = await run(fresh, getRoom, { room }, bob);
      assert.equal(shown.unread, Math.ceil((i + 1) / 2));
    }
  }));

Deno.test("isolates that take turns bring up what the other sent", () =>
  inWorld(async ({ core, store, isolate }) => {
    const all = await people(core, "ada", "bob", "cyd");
    const room = await roomOf(core, all[0]!, { bob: "member", cyd: "member" });
    const isolates = [core, isolate()];
    for (const i of numbers(400)) {
      const one = pick(isolates, Math.floor(i / 7));
      await say(one, room, pick(all, i), "hi", `${i}`);
    }
    for (const i of numbers(400)) {
      const { duplicate } = await say(
        isolate(),
        room,
        pick(all, i),
        "hi",
        `${i}`,
      );
      assert.ok(duplicate, `${i}`);
    }
    const head = await headOf(store, room);
    const asked = all.map(({ user }) => ({ room, user, head }));
    assert.deepEqual(await countSent(store, asked), [134, 133, 133]);
  }));

Deno.test("a fold takes what fits into a commit, from the front, and leaves the rest", () => {
  const longest = "é".repeat(64);
  const tail: TailEntry[] = numbers(2500).map((i) => ({
    seq: i + 10,
    n: i + 1,
    sender: `s${i % 700}`,
    clientId: longest,
  }));
  const senders = new Map(numbers(700).map((i) => [`s${i}`, new Sender()]));
  const aboutToFillAPage = new Map(
    numbers(700).map((i) => {
      const entries = numbers(15).map(() => ({ seq: 1, clientId: "c" }));
      return [`s${i}`, new Sender({ before: 0, entries })];
    }),
  );
  const shortest = tail.map((entry) => ({ ...entry, clientId: "d" }));
  const most = fold("room", shortest, aboutToFillAPage);
  assert.equal(most.rows.length, 440);
  const left = new Set(tail);
  let folded = { seq: 9, n: 0 };
  for (let commits = 0; left.size > 0; commits++) {
    assert.ok(commits < 50);
    const part = fold("room", [...left], senders);
    assert.ok(part.rows.length <= 440, `${part.rows.length} rows`);
    const bytes = part.rows.reduce(
      (sum, row) => sum + 2 * String("value" in row ? row.value : "").length,
      0,
    );
    assert.ok(bytes <= 400 * 1024, `${bytes} bytes`);
    assert.ok(part.folded.seq > folded.seq);
    folded = part.folded;
    for (const entry of left) {
      if (entry.seq > folded.seq) break;
      left.delete(entry);
      senders.get(entry.sender)!.stored([entry]);
    }
    const counts = Object.values(part.unfolded);
    assert.equal(counts.reduce((sum, count) => sum + count, 0), left.size);
  }
  assert.deepEqual(folded, { seq: 2509, n: 2500 });
  for (const sender of senders.values()) {
    assert.ok(sender.count === 3 || sender.count === 4);
  }
  assert.ok(DUE.most < 2500);
});

for (const clientId of ["c", "c".repeat(64)]) {
  Deno.test(`a crowd whose pages are all about to be full is taken in: clientIds of ${clientId.length}`, () =>
    inWorld(async ({ core, store }) => {
      const crowd = await people(
        core,
        ...numbers(1400).map((i) => `user-${i}`),
      );
      const room = await roomOf(core, crowd[0]!);
      const member = { v: 1, role: "member", joined: 1, at: 0 };
      const page = `0${`\n1 ${clientId}`.repeat(15)}`;
      for (const { user } of crowd) {
        await store.commit({
          checks: [],
          mutations: [
            { key: keys.member(room, user), value: member },
            { key: keys.sender(room, user), value: page },
          ],
        });
      }
      const commits = watchCommits(store);
      // A writer that gets nowhere reads the head for ever.
      const { get } = store;
      let reads = 0;
      store.get = (key) => {
        assert.ok(++reads < 10_000, "the writer goes round in circles");
        return get(key);
      };
      await Promise.all(crowd.map((who) => say(core, room, who, "hi", "new")));
      for (const who of crowd.slice(0, 20)) await say(core, room, who, "more");

      const head = await headOf(store, room);
      assert.equal(head.n, 1420);
      for (const { mutations } of commits) {
        assert.ok(mutations.length < 1000, `${mutations.length} rows`);
        for (const row of mutations) {
          if (row.key[2] !== "h" || !("value" in row)) continue;
          const { unfolded } = row.value as typeof head;
          const senders = Object.keys(unfolded ?? {}).length;
          assert.ok(senders <= 1000, `the head counts ${senders} senders`);
        }
      }
    }));
}
