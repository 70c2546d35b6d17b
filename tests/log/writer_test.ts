// A room's writer: what goes into one commit, what a refusal or a fault costs, what it remembers and for how long.
import assert from "node:assert/strict";
import { Refused } from "../../kv/errors.ts";
import { keys } from "../../kv/keys.ts";
import { Draft } from "../../kv/log/draft.ts";
import { RoomState } from "../../kv/log/room_state.ts";
import { sendMessage } from "../../kv/messages/send.ts";
import { editMessage } from "../../kv/messages/edit.ts";
import { changeRoom } from "../../kv/rooms/change.ts";
import { createRoom } from "../../kv/rooms/create.ts";
import { joinRoom, leaveRoom } from "../../kv/rooms/join.ts";
import {
  addToRoom,
  changeMember,
  removeFromRoom,
} from "../../kv/rooms/members.ts";
import { addMember } from "../../kv/rooms/membership.ts";
import type { Outcome, Row } from "../../kv/store.ts";
import { encodeValue } from "../../kv/values.ts";
import {
  inWorld,
  notStored,
  refuses,
  run,
  storedButCalledLost,
  storedWithoutAnswer,
} from "../accounts/world.ts";
import {
  headOf,
  people,
  person,
  roomOf,
  say,
  watchCommits,
  wholeLog,
} from "./world.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

Deno.test("changes of a room that wait together share a commit, in the order of the calls", () =>
  inWorld(async ({ core, store }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "member" });
    const commits = watchCommits(store);
    const answers = await Promise.all(
      numbers(200).map((i) => say(core, room, i % 2 ? ada! : bob!, `${i}`)),
    );
    assert.ok(commits.length <= 3, `${commits.length} commits`);
    assert.deepEqual(
      answers.map(({ seq, n }) => [seq, n]),
      numbers(200).map((i) => [answers[0]!.seq + i, i + 1]),
    );
  }));

Deno.test("a change that is refused leaves its batch going, and nothing of itself", () =>
  inWorld(async ({ core, store }) => {
    const [ada, bob, eve] = await people(core, "ada", "bob", "eve");
    const room = await roomOf(core, ada!, { bob: "guest" });
    const commits = watchCommits(store);
    const answers = await Promise.allSettled([
      say(core, room, ada!, "first"),
      say(core, room, bob!, "from a guest"),
      say(core, room, eve!, "from outside"),
      say(core, room, ada!, "last"),
    ]);
    assert.deepEqual(
      answers.map((one) =>
        one.status === "fulfilled" ? one.value.n : one.reason.code
      ),
      [1, "forbidden", "not_found", 2],
    );
    assert.equal(commits.length, 1);
    const log = await wholeLog(store, room);
    assert.doesNotMatch(JSON.stringify(log), /from/);
  }));

Deno.test("a change that throws after it has added something costs only itself", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const bad = new Error("a bug");
    const answers = await Promise.allSettled([
      say(core, room, ada, "before"),
      core.logs.change(room, (draft) => {
        draft.addMessage({
          nonce: "x",
          sender: "ada",
          clientId: "spoilt",
          text: "spoilt",
        });
        throw bad;
      }),
      say(core, room, ada, "after"),
    ]);
    assert.deepEqual(
      answers.map((one) =>
        one.status === "fulfilled" ? one.value.n : one.reason
      ),
      [1, bad, 2],
    );
    assert.doesNotMatch(
      JSON.stringify(await wholeLog(store, room)),
      /spoilt/,
    );
    assert.equal((await say(core, room, ada, "x", "spoilt")).duplicate, false);
  }));

Deno.test("meeting more people than are remembered loses nobody who is in the same batch", () =>
  inWorld(async ({ core, store }) => {
    const [ada, bob, ...rest] = await people(core, "ada", "bob", "cyd");
    const room = await roomOf(core, ada!, { bob: "admin" });
    await say(core, room, ada!, "first", "1");
    // Strangers are in no row: looking for them is made to cost nothing.
    const { get } = store;
    store.get = <T>(key: readonly (string | number)[]) =>
      String(key.at(-1)).startsWith("x")
        ? Promise.resolve<Row<T>>({ key, value: null, version: null })
        : get<T>(key);
    const strangers = (from: number, count: number) =>
      numbers(count).map((i) =>
        assert.rejects(
          sendMessage.run(core, { room, text: "let me in" }, {
            ...ada!,
            user: `x${from + i}`,
          }),
          refuses("not_found"),
        )
      );
    const sent = say(core, room, ada!, "second", "2");
    const kept = strangers(0, 4000);
    const removed = run(core, addToRoom, { room, userId: "cyd" }, bob!);
    await Promise.all([...kept, ...strangers(4000, 2000), sent, removed]);
    const repeats = await Promise.all([
      say(core, room, ada!, "first", "1"),
      ...strangers(6000, 100),
      say(core, room, ada!, "second", "2"),
      run(core, removeFromRoom, { room, userId: "cyd" }, bob!),
    ]);
    assert.deepEqual(
      repeats.flatMap((one) => one && "duplicate" in one ? [one.n] : []),
      [1, 2],
    );
    assert.equal(rest.length, 1);

    // Whoever was forgotten is read again, from the rows that the batch wrote.
    const cold = await say(core, room, ada!, "first", "1");
    assert.deepEqual([cold.n, cold.duplicate], [1, true]);
    await wholeLog(store, room);
  }));

Deno.test("meeting one member more never forgets another who was met for the same change", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const state = new RoomState(store, room, await headOf(store, room), null);
    for (const i of numbers(20_000)) {
      const draft = new Draft(store, state, "commit", 0);
      await draft.meet("ada");
      state.setMember(`x${i}`, null);
      if (draft.member("ada")?.role !== "owner") assert.fail(`forgot at ${i}`);
    }
    // Between drafts what is remembered is bounded.
    state.trim();
    assert.equal(state.member("x0"), undefined);
  }));

Deno.test("the last 256 clientIds of a sender are known to every isolate, however they were written", () =>
  inWorld(async ({ core, isolate }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "member" });
    const first: Awaited<ReturnType<typeof say>>[] = [];
    for (const size of [1, 16, 17, 250, 16]) {
      const from = first.length;
      first.push(
        ...await Promise.all(
          numbers(size).map((i) =>
            say(core, room, ada!, `${from + i}`, `id ${from + i}`)
          ),
        ),
      );
      await say(core, room, bob!, "in between");
    }
    const cold = isolate();
    for (const one of [core, cold]) {
      for (let i = first.length - 256; i < first.length; i++) {
        assert.deepEqual(
          await say(one, room, ada!, `${i}`, `id ${i}`),
          { ...first[i], duplicate: true },
        );
      }
    }
    // Another one's equal clientId is another one's.
    const other = await say(cold, room, bob!, "0", "id 299");
    assert.equal(other.duplicate, false);
  }));

Deno.test("a clientId that was forgotten and used again is the latest, not the next to be forgotten", () =>
  inWorld(async ({ core, isolate }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    await say(core, room, ada, "first", "again");
    for (const i of numbers(256)) await say(core, room, ada, `${i}`, `id ${i}`);
    const second = await say(core, room, ada, "second", "again");
    assert.equal(second.duplicate, false);
    // Whoever reads the rows finds both uses, and forgets when the next one comes.
    const cold = isolate();
    await say(cold, room, ada, "last", "another");
    for (const one of [core, cold]) {
      assert.deepEqual(
        await say(one, room, ada, "second", "again"),
        { ...second, duplicate: true },
      );
    }
  }));

const EMOJI = "\u{1F600}";

/** What every store takes: 10 checks, 1,000 mutations, 800 KiB of values, 64 KiB each. */
function assertWithinLimits(commits: ReturnType<typeof watchCommits>): void {
  for (const { checks, mutations, appends = [] } of commits) {
    assert.ok(checks.length <= 10, `${checks.length} checks`);
    const count = mutations.length + appends.length;
    assert.ok(count <= 1000, `${count} mutations`);
    let bytes = 0;
    for (const one of [...mutations, ...appends]) {
      if (!("value" in one)) continue;
      const size = encodeValue(one.value).length;
      assert.ok(size <= 64 * 1024, `a value of ${size} bytes`);
      bytes += size;
    }
    assert.ok(bytes <= 800 * 1024, `${bytes} bytes of values`);
  }
}

Deno.test("300 of the longest messages at once are within what a commit takes", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const commits = watchCommits(store);
    const text = EMOJI.repeat(8000);
    await Promise.all(numbers(300).map(() => say(core, room, ada, text)));
    assertWithinLimits(commits);
    assert.equal((await headOf(store, room)).n, 300);
  }));

Deno.test("400 of the longest descriptions at once are within what a commit takes", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const commits = watchCommits(store);
    const changed = await Promise.all(
      numbers(400).map((i) => {
        const description = EMOJI.repeat(997) + i;
        return run(core, changeRoom, { room, description }, ada);
      }),
    );
    assertWithinLimits(commits);
    assert.equal((await headOf(store, room)).seq, changed.at(-1)!.seq);
  }));

Deno.test("700 senders at once, each with the longest clientIds behind it, are within what a commit takes", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada, {}, "channel");
    const crowd = await people(core, ...numbers(700).map((i) => `u${i}`));
    const commits = watchCommits(store);
    await Promise.all(crowd.map((one) => run(core, joinRoom, { room }, one)));
    for (let round = 0; round < 15; round++) {
      const answers = await Promise.all(
        crowd.map((one) =>
          say(core, room, one, "x", EMOJI.repeat(62) + (10 + round))
        ),
      );
      assert.ok(answers.every(({ duplicate }) => !duplicate));
    }
    assertWithinLimits(commits);
    assert.equal((await headOf(store, room)).n, 15 * 700);
  }));

Deno.test("a room in which too much waits says so at once", () =>
  inWorld(async ({ core }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const nothing = () => Promise.resolve("done");
    const waiting = numbers(20_000).map(() => core.logs.change(room, nothing));
    await assert.rejects(
      core.logs.change(room, nothing),
      (error) => refuses("unavailable")(error) && isTimed(error),
    );
    await Promise.all(waiting);
    assert.equal(await core.logs.change(room, nothing), "done");
  }));

function isTimed(error: unknown): boolean {
  return error instanceof Refused && error.retryAfterMs !== undefined;
}

Deno.test("what changed in another isolate is looked at before anything is refused or allowed", () =>
  inWorld(async ({ core, isolate }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!);
    const other = isolate();
    await assert.rejects(say(core, room, bob!, "?"), refuses("not_found"));

    await run(other, addToRoom, { room, userId: "bob", role: "guest" }, ada!);
    await assert.rejects(say(core, room, bob!, "?"), refuses("forbidden"));
    const role = { room, userId: "bob", role: "member" };
    await run(other, changeMember, role, ada!);
    const sent = await say(core, room, bob!, "in", "1");
    await run(other, removeFromRoom, { room, userId: "bob" }, ada!);
    await assert.rejects(say(core, room, bob!, "out"), refuses("not_found"));
    // A repeat still gets its result.
    assert.deepEqual(await say(core, room, bob!, "in", "1"), {
      ...sent,
      duplicate: true,
    });
  }));

Deno.test("the other isolate's many changes are caught up with, or read anew when they are too many", () =>
  inWorld(async ({ core, store, isolate }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "member" });
    await say(core, room, ada!, "known here", "0");
    const other = isolate();
    for (const count of [10, 2500]) {
      await Promise.all(
        numbers(count).map((i) => say(other, room, ada!, "x", `${count}.${i}`)),
      );
      const repeat = await say(core, room, ada!, "x", `${count}.${count - 1}`);
      assert.equal(repeat.duplicate, true);
      assert.equal((await say(core, room, bob!, "me too")).duplicate, false);
    }
    await wholeLog(store, room);
  }));

for (
  const [name, fault] of Object.entries({
    "was stored without an answer": storedWithoutAnswer,
    "was not stored and not answered": notStored,
    "was stored and called lost": storedButCalledLost,
  })
) {
  Deno.test(`a message whose commit ${name} is there once, with the answer that was given`, () =>
    inWorld(async ({ core, store, isolate }) => {
      const ada = await person(core, "ada");
      const room = await roomOf(core, ada);
      store.faults.push(fault);
      const sent = await say(core, room, ada, "hi", "1");
      assert.equal(sent.duplicate, false);
      const log = await wholeLog(store, room);
      const last = log.at(-1);
      assert.ok(last && "message" in last);
      assert.equal(last.message.id, sent.messageId);
      assert.equal(log.length, 3);
      for (const one of [core, isolate()]) {
        assert.deepEqual(await say(one, room, ada, "hi", "1"), {
          ...sent,
          duplicate: true,
        });
      }
    }));
}

for (const kind of ["a message", "a member"] as const) {
  for (
    const [answer, outcome] of Object.entries<Outcome>({
      "without an answer": { kind: "unknown", cause: "test" },
      "and called lost": { kind: "lost" },
    })
  ) {
    Deno.test(`${kind} that was stored ${answer} is found although the room has moved on since`, () =>
      inWorld(async ({ core, store, isolate }) => {
        const [ada] = await people(core, "ada", "bob");
        const room = await roomOf(core, ada!);
        const other = isolate();
        store.faults.push(async (commit) => {
          await commit();
          await say(other, room, ada!, "meanwhile");
          return outcome;
        });
        if (kind === "a message") {
          const sent = await say(core, room, ada!, "hi", "1");
          assert.equal(sent.duplicate, false);
        } else await run(core, addToRoom, { room, userId: "bob" }, ada!);
        assert.equal((await wholeLog(store, room)).length, 4);
        await say(core, room, ada!, "goes on");
        assert.equal((await wholeLog(store, room)).length, 5);
      }));
  }
}

Deno.test("an edit that was stored and called lost is not made again over one that came after it", () =>
  inWorld(async ({ core, store, isolate }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const { messageId } = await say(core, room, ada, "hi");
    const other = isolate();
    const edit = (one: typeof core, text: string) =>
      run(one, editMessage, { room, messageId, text }, ada);
    store.faults.push(async (commit) => {
      await commit();
      await edit(other, "second");
      return { kind: "lost" };
    });
    assert.equal((await edit(core, "first")).rev, 4);
    const log = await wholeLog(store, room);
    assert.equal(log.length, 5);
    const [message] = log.filter((row) => "message" in row);
    assert.equal(message?.message.text, "second");
  }));

Deno.test("a leaving that is called lost while its first try is still on its way is answered as done", () =>
  inWorld(async ({ core, store }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "member" });
    let first: (() => Promise<Outcome>) | undefined;
    store.faults.push(
      (commit) => {
        first = commit;
        return notStored();
      },
      () => Promise.resolve({ kind: "lost" }),
      async (commit) => {
        await first!();
        return await commit();
      },
    );
    await run(core, leaveRoom, { room }, bob!);
    assert.equal((await wholeLog(store, room)).length, 4);
    assert.equal((await headOf(store, room)).memberCount, 1);
  }));

Deno.test("a commit that arrives after its sender was told to come back is not made twice", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const { commit } = store;
    let late: (() => Promise<unknown>) | undefined;
    store.commit = (made) => {
      late ??= () => commit(made);
      return Promise.resolve({ kind: "unknown", cause: "test" });
    };
    await assert.rejects(
      say(core, room, ada, "hi", "1"),
      refuses("unavailable"),
    );
    store.commit = commit;
    await late?.();
    const again = await say(core, room, ada, "hi", "1");
    assert.equal(again.duplicate, true);
    assert.equal((await wholeLog(store, room)).length, 3);
  }));

Deno.test("a store that never answers makes every change unavailable after 15 s, and costs nothing for good", () =>
  inWorld(async ({ core, store, clock }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const { commit } = store;
    store.commit = () => Promise.resolve({ kind: "unknown", cause: "test" });
    const from = clock.elapsed();
    const answers = await Promise.allSettled(
      numbers(3).map((i) => say(core, room, ada, "hi", `${i}`)),
    );
    for (const one of answers) {
      assert.ok(one.status === "rejected");
      assert.ok(refuses("unavailable")(one.reason));
    }
    const waited = clock.elapsed() - from;
    assert.ok(waited >= 15_000 && waited < 16_000, `${waited} ms`);
    store.commit = commit;
    const sent = await say(core, room, ada, "hi", "0");
    assert.deepEqual([sent.seq, sent.duplicate], [3, false]);
  }));

Deno.test("`at` never goes back, whatever the wall clock does", () =>
  inWorld(async ({ core, clock }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const { at } = await say(core, room, ada, "now");
    clock.setWall(clock.now() - 3600_000);
    assert.equal((await say(core, room, ada, "an hour earlier")).at, at);
    clock.setWall(clock.now() + 7200_000);
    assert.ok((await say(core, room, ada, "later")).at > at);
  }));

Deno.test("two isolates that make the same room at once make it once", () =>
  inWorld(async ({ core, store, isolate }) => {
    const ada = { ...await person(core, "ada"), idempotencyKey: "k" };
    const made = await Promise.all(
      [core, isolate(), isolate()].map((one) =>
        run(one, createRoom, { type: "channel", name: "Once" }, ada)
      ),
    );
    assert.equal(new Set(made.map(({ id }) => id)).size, 1);
    assert.equal((await wholeLog(store, made[0]!.id)).length, 2);
    assert.equal((await store.list(keys.channels())).length, 1);
  }));

for (const fault of [storedWithoutAnswer, notStored]) {
  Deno.test(`two people who open their direct room at once from two isolates get one room, also when a commit is ${fault.name}`, () =>
    inWorld(async ({ core, store, isolate }) => {
      const [ada, bob] = await people(core, "ada", "bob");
      store.faults.push(fault);
      const other = isolate();
      const open = (one: typeof core, from: typeof ada, to: string) =>
        run(one, createRoom, { type: "direct", members: [to] }, from!);
      const made = await Promise.all([
        open(core, ada, "bob"),
        open(other, bob, "ada"),
        open(core, bob, "ada"),
      ]);
      const [id] = new Set(made.map(({ id }) => id));
      assert.ok(made.every((one) => one.id === id));
      assert.equal((await wholeLog(store, id!)).length, 3);
      for (const who of ["ada", "bob"]) {
        assert.equal((await store.list(keys.memberships(who))).length, 1);
      }
      const rooms = await store.list(["r"]);
      assert.ok(rooms.every(({ key }) => key[1] === id), "a second room");
    }));
}

Deno.test("a repeat that differs is told so in the very batch that edits its message", () =>
  inWorld(async ({ core }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const { messageId } = await say(core, room, ada, "first", "1");
    const [, same, other] = await Promise.all([
      run(core, editMessage, { room, messageId, text: "edited" }, ada),
      say(core, room, ada, "first", "1"),
      say(core, room, ada, "edited", "1"),
    ]);
    assert.deepEqual([same.differs, other.differs], [undefined, true]);
  }));

Deno.test("an owner who leaves in the batch that brings an heir hands the room on", () =>
  inWorld(async ({ core, store }) => {
    const [ada] = await people(core, "ada", "bob", "cyd", "dan");
    const room = await roomOf(core, ada!, { bob: "member", cyd: "member" });
    await Promise.all([
      run(core, changeMember, { room, userId: "cyd", role: "admin" }, ada!),
      run(core, leaveRoom, { room }, ada!),
    ]);
    const role = async (user: string) =>
      (await store.get<{ role: string }>(keys.member(room, user))).value?.role;
    assert.deepEqual([await role("bob"), await role("cyd")], [
      "member",
      "owner",
    ]);

    const lonely = await roomOf(core, ada!);
    await Promise.all([
      core.logs.change(lonely, async (draft) => {
        await draft.meetSender("dan");
        addMember(draft, "dan", "member", "ada");
      }),
      run(core, leaveRoom, { room: lonely }, ada!),
    ]);
    assert.equal((await headOf(store, lonely)).owners, 1);
  }));
