// The tail of a log that the senders' rows don't tell of yet: counted, known to any isolate, and brought up in time.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Principal } from "../../kv/principal.ts";
import { getRoom } from "../../kv/rooms/change.ts";
import { Feed } from "../../kv/log/feed.ts";
import { foldedOf, type Head } from "../../kv/log/head.ts";
import { keys } from "../../kv/keys.ts";
import { AT_ONCE, Sender } from "../../kv/log/sender.ts";
import { countSent } from "../../kv/log/sent.ts";
import { DUE, fold, spaceFor, type TailEntry } from "../../kv/log/tail.ts";
import { RoomLogs } from "../../kv/log/writer.ts";
import type { Key } from "../../kv/store.ts";
import { inWorld, run } from "../accounts/world.ts";
import { seedGiven } from "../seed_given.ts";
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
    const commits = watchCommits(store);
    for (const i of numbers(400)) {
      const one = pick(isolates, Math.floor(i / 7));
      await say(one, room, pick(all, i), "hi", `${i}`);
    }
    const pages = commits.flatMap(({ mutations }) => mutations)
      .filter(({ key }) => key[2] === "p");
    assert.equal(new Set(pages.map(({ key }) => `${key}`)).size, pages.length);
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

Deno.test("whoever opens a room reads its senders together, not one after the other", () =>
  inWorld(async ({ core, store, isolate }) => {
    const all = await people(core, "ada", "bob", "cyd", "dan");
    const [ada, ...others] = all;
    const room = await roomOf(
      core,
      ada!,
      Object.fromEntries(others.map(({ user }) => [user, "member"])),
    );
    await Promise.all(
      numbers(64).map((i) => say(core, room, pick(all, i), "hi")),
    );
    const { get } = store;
    let reading = 0;
    let most = 0;
    store.get = <T>(key: Key) => {
      most = Math.max(most, ++reading);
      return get<T>(key).finally(() => void reading--);
    };
    await say(isolate(), room, ada!, "hi");
    assert.equal(most, all.length);
  }));

const NAMES = ["ada", "bob", "cyd"];

interface Said {
  readonly isolate: number;
  readonly who: number;
  /** At once. */
  readonly many: number;
}
const said: fc.Arbitrary<Said> = fc.record({
  isolate: fc.nat(1),
  who: fc.nat(NAMES.length - 1),
  many: fc.constantFrom(1, 1, 1, 2, 5, 20),
});

Deno.test("whoever brings a row up, it never tells less than before, and what it must", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(said, { maxLength: 30, size: "max" }),
      checkRows,
    ),
    {
      numRuns: 40,
      examples: [[[
        // Isolate 1 knows ada before isolate 0 tells all of hers, ahead of bob's; and has less space for them after his.
        { isolate: 1, who: 0, many: 1 },
        { isolate: 0, who: 1, many: 1 },
        { isolate: 0, who: 0, many: 19 },
        { isolate: 0, who: 2, many: 1 },
        { isolate: 1, who: 2, many: 1 },
        { isolate: 0, who: 2, many: 20 },
        { isolate: 0, who: 2, many: 1 },
      ]]],
      ...seedGiven(),
    },
  ));

async function checkRows(story: readonly Said[]): Promise<void> {
  await inWorld(async ({ core, store, clock }) => {
    const all = await people(core, ...NAMES);
    const room = await roomOf(core, all[0]!, { bob: "member", cyd: "member" });
    const due = { perSender: 1, fewest: 21, most: 21, senders: 99, rows: 2 };
    const isolates = numbers(2).map((i) => {
      const feed = new Feed(store, clock, `of-${i}`);
      return { ...core, logs: new RoomLogs({ store, clock, feed, due }, 1) };
    });
    const sent = all.map(() => 0);
    let told = all.map(() => 0);
    for (const { isolate, who, many } of story) {
      await Promise.all(
        numbers(many).map(() => say(isolates[isolate]!, room, all[who]!, "hi")),
      );
      sent[who]! += many;
      const rows = await store.getMany<string>(
        all.map(({ user }) => keys.sender(room, user)),
      );
      const tell = rows.map(({ value }) => {
        const [before, ...entries] = (value ?? "0").split("\n");
        return Number(before) + entries.length;
      });
      for (const [i, count] of tell.entries()) assert.ok(count >= told[i]!);
      told = tell;
      const head = await headOf(store, room);
      const asked = all.map(({ user }) => ({ room, user, head }));
      assert.deepEqual(await countSent(store, asked), sent);
    }
  });
}

Deno.test("what a row tells of already is not told again", () => {
  const open = { before: 0, entries: [{ seq: 20, clientId: "a" }] };
  const sender = new Sender(open);
  sender.add({ seq: 20, clientId: "a" });
  sender.add({ seq: 21, clientId: "b" });
  assert.equal(sender.count, 2);
  const space = { rows: 9, bytes: 9999 };
  assert.equal(sender.bringUp(space)!.open, "0\n20 a\n21 b");
  sender.stored(21);
  assert.equal(sender.bringUp(space), null);
});

Deno.test("the longer the tail, the more of it goes into a commit", () => {
  const spaceOf = (n: number, senders: number) =>
    spaceFor({
      n,
      folded: { seq: 0, n: 0 },
      unfolded: Object.fromEntries(numbers(senders).map((i) => [`s${i}`, 1])),
    } as unknown as Head, DUE)?.rows;
  assert.equal(spaceOf(63, 3), undefined);
  assert.equal(spaceOf(64, 4), DUE.rows);
  assert.equal(spaceOf(1023, 200), undefined);
  assert.ok(spaceOf(1024, 200)! < 60);
  assert.equal(spaceOf(6000, 200), 300);
  assert.equal(spaceOf(60_000, 200), 440);
  assert.equal(spaceOf(300, 300), 440);
});

Deno.test("a fold takes what fits into a commit, first who has waited longest", () => {
  const count = 2500;
  const senderOf = (i: number) => `s${i % 700}`;
  const tail: TailEntry[] = numbers(count).map((i) => ({
    seq: i + 10,
    n: i + 1,
    sender: senderOf(i),
    clientId: "é".repeat(64),
  }));
  const everybody = new Set(tail.map(({ sender }) => sender));
  for (const rows of [2, 48, 440]) {
    for (const before of [0, 15]) {
      const senders = new Map([...everybody].map((user) => {
        const entries = numbers(before).map(() => ({ seq: 1, clientId: "c" }));
        return [user, new Sender({ before: 0, entries })];
      }));
      for (const entry of tail) senders.get(entry.sender)!.add(entry);
      const left = [...tail];
      let head = {
        folded: { seq: 9, n: 0 },
        unfolded: countBy(left),
      } as unknown as Head;
      for (let commits = 0; left.length > 0; commits++) {
        assert.ok(commits < 1000);
        const space = { rows, bytes: 320 * 1024 };
        const part = fold("room", head, left, senders, space);
        assert.ok(part.rows.length <= rows, `${part.rows.length} rows`);
        const bytes = part.rows.reduce(
          (sum, row) =>
            sum + 2 * String("value" in row ? row.value : "").length,
          0,
        );
        assert.ok(bytes <= part.bytes && part.bytes <= space.bytes);
        assert.ok(part.reached.size > 0 && part.reached.has(left[0]!.sender));
        for (const [user, until] of part.reached) {
          senders.get(user)!.stored(until);
        }
        const next = left.findIndex(({ seq, sender }) =>
          seq >= (senders.get(sender)!.firstPending ?? Infinity)
        );
        left.splice(0, next < 0 ? left.length : next);
        const first = left[0]?.seq ?? count + 10;
        assert.deepEqual(part.folded, { seq: first - 1, n: first - 10 });
        assert.deepEqual(part.unfolded, countBy(left));
        head = { ...head, ...part };
      }
      for (const sender of senders.values()) {
        assert.ok([3, 4].includes(sender.count - before));
      }
    }
  }
});

Deno.test("a fold brings a sender up with all they have sent, or the next 1,024, whatever the space", () => {
  const clientId = "\u{1F600}".repeat(64);
  const entry = (seq: number, sender: string): TailEntry => ({
    seq,
    n: seq,
    sender,
    clientId,
  });
  const tail = [
    entry(1, "bob"),
    ...numbers(2500).map((i) => entry(i + 2, "ada")),
  ];
  const entries = numbers(15).map(() => ({ seq: 0, clientId }));
  const senders = new Map(
    ["ada", "bob"].map((user) => [user, new Sender({ before: 0, entries })]),
  );
  for (const one of tail) senders.get(one.sender)!.add(one);
  let head = { folded: { seq: 0, n: 0 }, unfolded: countBy(tail) };
  const reached: unknown[] = [];
  while (head.folded.seq < tail.length) {
    const part = fold(
      "room",
      head as unknown as Head,
      tail.slice(head.folded.n),
      senders,
      { rows: 48, bytes: 320 * 1024 },
    );
    assert.ok(part.rows.length <= 440 && part.bytes <= 320 * 1024);
    for (const [user, until] of part.reached) senders.get(user)!.stored(until);
    reached.push(...part.reached);
    head = part;
  }
  assert.deepEqual(reached, [
    ["bob", 1],
    ["ada", 1 + AT_ONCE],
    ["ada", 1 + 2 * AT_ONCE],
    ["ada", 2501],
  ]);
});

function countBy(entries: readonly TailEntry[]): Record<string, number> {
  const groups = Object.groupBy(entries, ({ sender }) => sender);
  return Object.fromEntries(
    Object.entries(groups).map(([sender, own]) => [sender, own!.length]),
  );
}

Deno.test("a crowd's rows are brought up a few in each commit, and the tail stays short", () =>
  inWorld(async ({ core, store, isolate }) => {
    const crowd = await people(core, ...numbers(200).map((i) => `user-${i}`));
    const [owner, ...others] = crowd;
    const members = others.map(({ user }) => [user, "member"] as const);
    const room = await roomOf(core, owner!, Object.fromEntries(members));
    const commits = watchCommits(store);
    for (const round of numbers(40)) {
      await Promise.all(
        crowd.map((who) => say(core, room, who, "hi", `${round}`)),
      );
      const head = await headOf(store, room);
      const tail = head.n - foldedOf(head).n;
      assert.ok(tail <= 3 * DUE.most, `${tail} messages in the tail`);
      const asked = crowd.map(({ user }) => ({ room, user, head }));
      const counts = await countSent(store, asked);
      assert.deepEqual(new Set(counts), new Set([round + 1]));
    }
    const folds = commits.map(({ mutations }) =>
      mutations.filter(({ key }) => key[2] === "s" || key[2] === "p").length
    );
    assert.ok(Math.max(...folds) <= 150, `${folds}`);
    const sum = folds.reduce((all, rows) => all + rows, 0);
    assert.ok(sum <= 8000 / 4, `${sum} rows`);
    for (const round of numbers(40)) {
      const { duplicate } = await say(
        isolate(),
        room,
        crowd[round]!,
        "hi",
        `${round}`,
      );
      assert.ok(duplicate);
    }
  }));

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
