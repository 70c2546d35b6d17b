// Coming and going: who inherits a room, who is listed, what becomes of a room and of a user that are deleted.
import assert from "node:assert/strict";
import { deleteMe } from "../../kv/accounts/deletion.ts";
import type { LiveProfile } from "../../kv/accounts/profiles.ts";
import type { Core } from "../../kv/core.ts";
import { runDueJobs } from "../../kv/jobs/run.ts";
import { keys } from "../../kv/keys.ts";
import { LIMITS } from "../../kv/limits.ts";
import { changeRoom, getRoom } from "../../kv/rooms/change.ts";
import { listChannels } from "../../kv/rooms/channels.ts";
import { createRoom } from "../../kv/rooms/create.ts";
import {
  clearRoom,
  deleteRoom,
  leaveAllRooms,
} from "../../kv/rooms/deletion.ts";
import { editMessage } from "../../kv/messages/edit.ts";
import { joinRoom, leaveRoom } from "../../kv/rooms/join.ts";
import { listRooms } from "../../kv/rooms/list.ts";
import {
  addToRoom,
  changeMember,
  listMembers,
  removeFromRoom,
} from "../../kv/rooms/members.ts";
import type { Principal } from "../../kv/principal.ts";
import { inWorld, notStored, refuses, run } from "../accounts/world.ts";
import {
  everything,
  headOf,
  people,
  person,
  roomOf,
  say,
  wholeLog,
} from "../log/world.ts";

async function rolesIn(core: Core, room: string, who: Principal) {
  const { items } = await run(core, listMembers, { room }, who);
  return Object.fromEntries(items.map(({ user, role }) => [user.id, role]));
}

Deno.test("the last owner who leaves hands the room to the longest-standing of the highest role", () =>
  inWorld(async ({ core, store }) => {
    const [ada, , , dan, eve] = await people(
      core,
      "ada",
      "bob",
      "cyd",
      "dan",
      "eve",
    );
    const room = await roomOf(core, ada!, {
      bob: "guest",
      cyd: "member",
      dan: "admin",
      eve: "admin",
    });
    // Coming back counts as new: dan was an admin first, but is so later than eve now.
    await run(core, removeFromRoom, { room, userId: "dan" }, ada!);
    await run(core, addToRoom, { room, userId: "dan", role: "admin" }, ada!);
    await run(core, leaveRoom, { room }, ada!);
    assert.deepEqual(await rolesIn(core, room, eve!), {
      bob: "guest",
      cyd: "member",
      dan: "admin",
      eve: "owner",
    });
    const log = await wholeLog(store, room);
    assert.deepEqual(
      log.slice(-2).map((row) => "event" in row && row.event.type),
      ["member.updated", "member.left"],
    );

    // With two owners nobody inherits.
    await run(core, changeMember, { room, userId: "dan", role: "owner" }, eve!);
    await run(core, leaveRoom, { room }, eve!);
    assert.deepEqual(await rolesIn(core, room, dan!), {
      bob: "guest",
      cyd: "member",
      dan: "owner",
    });
    assert.equal((await headOf(store, room)).owners, 1);
  }));

Deno.test("who is alone in a room deletes it by choice, or stays", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const alone = "You are the last one here: delete the room instead.";
    await assert.rejects(
      run(core, leaveRoom, { room }, ada),
      refuses("last_owner", alone),
    );
    assert.equal((await wholeLog(store, room)).length, 2);
    assert.deepEqual(await run(core, deleteRoom, { room }, ada), {});
  }));

Deno.test("joining, adding and leaving change nothing where nothing is to change", () =>
  inWorld(async ({ core, store }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const room = await roomOf(core, ada!, { bob: "admin" }, "channel");
    const { joinedAt } = (await run(core, listMembers, { room }, ada!)).items
      .find(({ user }) => user.id === "bob")!;
    assert.equal((await run(core, joinRoom, { room }, bob!)).role, "admin");
    const again = { room, userId: "bob", role: "guest" };
    const member = await run(core, addToRoom, again, ada!);
    assert.deepEqual([member.role, member.joinedAt], ["admin", joinedAt]);
    assert.equal((await wholeLog(store, room)).length, 3);
  }));

Deno.test("a room is made with at most 100 others, each once, and all of them real", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const ids = Array.from({ length: 100 }, (_, i) => `u${i}`);
    await people(core, ...ids);
    const members = [...ids.slice(0, 99), "u0", "ada"].slice(0, 100);
    const made = await run(core, createRoom, { type: "group", members }, ada);
    assert.deepEqual([made.memberCount, made.role], [100, "owner"]);
    assert.equal((await wholeLog(store, made.id)).length, 101);
    const before = (await everything(store)).length;
    for (const wrong of [[...ids.slice(1), "nobody"]]) {
      await assert.rejects(
        run(core, createRoom, { type: "group", members: wrong }, ada),
        refuses("not_found"),
      );
    }
    assert.equal((await everything(store)).length, before);
  }));

Deno.test("member.list names everybody once, on pages of any size that fit into a response", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const ids = Array.from({ length: 99 }, (_, i) => `user${i}`);
    for (const id of ids) {
      const profile: LiveProfile = {
        v: 1,
        id,
        username: id,
        displayName: "\u{1F600}".repeat(80),
        avatar: `https://example.org/${"a".repeat(1970)}`,
        createdAt: 0,
      };
      const mutations = [{ key: keys.profile(id), value: profile }];
      await store.commit({ checks: [], mutations });
    }
    const { id: room } = await run(
      core,
      createRoom,
      { type: "group", members: ids },
      ada,
    );
    for (const limit of [7, 100]) {
      const seen: string[] = [];
      let cursor: string | undefined;
      for (;;) {
        const input = { room, limit, ...(cursor ? { cursor } : {}) };
        const page = await run(core, listMembers, input, ada);
        const bytes = new TextEncoder().encode(JSON.stringify(page)).length;
        assert.ok(bytes <= LIMITS.bodyBytes, `${bytes} bytes`);
        assert.equal(page.asOf, 101);
        seen.push(...page.items.map(({ user }) => user.id));
        if (page.nextCursor === null) break;
        cursor = page.nextCursor;
      }
      assert.deepEqual(seen.sort(), ["ada", ...ids].sort());
    }
  }));

Deno.test("room.public lists every channel by name, without regard to case, on pages of any size", () =>
  inWorld(async ({ core }) => {
    const [ada, eve] = await people(core, "ada", "eve");
    const names = ["beta", "Alpha", "gamma", "Beta", "ALPHA 2", "zeta"];
    for (const name of names) await roomOf(core, ada!, {}, "channel", name);
    await roomOf(core, ada!, {}, "group", "Aardvark");
    for (const limit of [1, 2, 4, 100]) {
      const seen: string[] = [];
      let cursor: string | undefined;
      for (;;) {
        const input = { limit, ...(cursor ? { cursor } : {}) };
        const page = await run(core, listChannels, input, eve!);
        seen.push(...page.items.map(({ name }) => name!.toLowerCase()));
        if (page.nextCursor === null) break;
        cursor = page.nextCursor;
      }
      assert.deepEqual(
        seen,
        ["alpha", "alpha 2", "beta", "beta", "gamma", "zeta"],
      );
    }
    await assert.rejects(
      run(core, listChannels, { cursor: "nonsense" }, eve!),
      refuses("invalid"),
    );
  }));

Deno.test("a channel that is renamed moves in the list, and a deleted one leaves it", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada, {}, "channel", "Before");
    const listed = async () =>
      (await run(core, listChannels, {}, ada)).items.map(({ name }) => name);
    await run(core, changeRoom, { room, name: "After" }, ada);
    assert.deepEqual(await listed(), ["After"]);
    // The same when folded: the row stays.
    await run(core, changeRoom, { room, name: "AFTER" }, ada);
    assert.deepEqual(await listed(), ["AFTER"]);
    assert.equal((await store.list(keys.channels())).length, 1);
    await assert.rejects(
      run(core, changeRoom, { room, name: null }, ada),
      refuses("invalid"),
    );
    await run(core, deleteRoom, { room }, ada);
    assert.deepEqual(await listed(), []);
    assert.deepEqual(await store.list(keys.channels()), []);
  }));

Deno.test("room.update says what changed, clears what is null or empty, and nothing else", () =>
  inWorld(async ({ core, store }) => {
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada, {}, "group", "Name");
    const change = (more: Record<string, unknown>) =>
      run(core, changeRoom, { room, ...more }, ada);
    const described = await change({ description: "What\nfor" });
    assert.deepEqual(
      [described.name, described.description, described.seq],
      ["Name", "What\nfor", 3],
    );
    assert.deepEqual(await change({}), described);
    assert.deepEqual(await change({ name: "Name" }), described);
    assert.equal("description" in await change({ description: "" }), false);
    assert.equal("name" in await change({ name: null }), false);
    const log = await wholeLog(store, room);
    assert.equal(log.length, 5);
    const last = log.at(-1)!;
    assert.ok("event" in last && last.event.type === "room.updated");
    assert.deepEqual(
      last.event.data,
      (({ id, type, epoch, seq, n, memberCount, createdAt }) => ({
        id,
        type,
        epoch,
        seq,
        n,
        memberCount,
        createdAt,
      }))(await run(core, getRoom, { room }, ada)),
    );
  }));

Deno.test("a deleted room is gone at once, and its job leaves nothing of it but a tombstone", () =>
  inWorld(async ({ core, store, clock }) => {
    const ada = await person(core, "ada");
    const ids = Array.from({ length: 150 }, (_, i) => `u${i}`);
    const crowd = await people(core, ...ids);
    const room = await roomOf(core, ada, {}, "channel", "Doomed");
    const other = await roomOf(core, ada, {}, "channel", "Stays");
    await Promise.all(crowd.map((one) => run(core, joinRoom, { room }, one)));
    const sent = await Promise.all(
      crowd.flatMap((one) =>
        [1, 2, 3].map((i) => say(core, room, one, `${i}`))
      ),
    );
    const edit = { room, messageId: sent[0]!.messageId, text: "edited" };
    await run(core, editMessage, edit, crowd[0]!);
    await say(core, other, ada, "stays");
    await run(core, deleteRoom, { room }, ada);

    const gone = refuses("not_found");
    await assert.rejects(run(core, getRoom, { room }, ada), gone);
    await assert.rejects(say(core, room, ada, "?"), gone);
    await assert.rejects(run(core, joinRoom, { room }, crowd[0]!), gone);
    await assert.rejects(run(core, deleteRoom, { room }, ada), gone);
    assert.deepEqual((await run(core, listRooms, {}, crowd[0]!)).items, []);

    // The store fails in the middle: the job comes again and goes on.
    const handlers = {
      "room.deleted": ({ data }: { data: unknown }) =>
        clearRoom(core, (data as { room: string }).room),
    };
    let commits = 0;
    const { commit } = store;
    store.commit = (made) => ++commits === 3 ? notStored() : commit(made);
    assert.equal(await runDueJobs(core, handlers), 1);
    store.commit = commit;
    await clock.advance(2_000);
    assert.equal(await runDueJobs(core, handlers), 1);
    assert.deepEqual(await store.list(keys.jobs()), []);

    const rows = await store.list(keys.room(room));
    assert.deepEqual(rows.map(({ key }) => key), [keys.head(room)]);
    for (const { key } of await everything(store)) {
      const isTombstone = key[0] === "r" && key[2] === "h";
      // The feed is short-lived.
      if (isTombstone || key[0] === "feed") continue;
      assert.ok(!key.includes(room), JSON.stringify(key));
    }
    assert.equal((await wholeLog(store, other)).length, 3);
  }));

Deno.test("a deleted user leaves every room: what it owned is passed on, what it had alone goes", () =>
  inWorld(async ({ core, store }) => {
    const [ada, bob] = await people(core, "ada", "bob");
    const shared = await roomOf(core, ada!, { bob: "guest" });
    const alone = await roomOf(core, ada!);
    const theirs = await roomOf(core, bob!, { ada: "admin" });
    const { id: direct } = await run(
      core,
      createRoom,
      { type: "direct", members: ["bob"] },
      ada!,
    );
    const { id: notebook } = await run(
      core,
      createRoom,
      { type: "direct", members: ["ada"] },
      ada!,
    );
    await say(core, direct, ada!, "stays readable");
    await say(core, notebook, ada!, "to nobody but me");
    const gone = await roomOf(core, ada!);
    await run(core, deleteRoom, { room: gone }, ada!);
    await run(core, deleteMe, {}, ada!);
    // Twice, as a job may.
    await leaveAllRooms(core, "ada");
    await leaveAllRooms(core, "ada");

    assert.deepEqual(await rolesIn(core, shared, bob!), { bob: "owner" });
    assert.deepEqual(await rolesIn(core, theirs, bob!), { bob: "owner" });
    assert.ok((await headOf(store, alone)).deleted);
    assert.ok((await headOf(store, notebook)).deleted, "the notebook is left");
    const left = await run(core, getRoom, { room: direct }, bob!);
    assert.deepEqual(
      [left.memberCount, left.peer, left.lastMessage?.text],
      [1, { id: "ada", deleted: true }, "stays readable"],
    );
    const rest = await store.list(keys.memberships("ada"));
    // That of the room whose own job is still to come.
    assert.ok(
      rest.every(({ key }) =>
        [gone, alone, notebook].includes(String(key.at(-1)))
      ),
    );
    for (const room of [gone, alone, notebook]) await clearRoom(core, room);
    assert.deepEqual(await store.list(keys.memberships("ada")), []);
    assert.deepEqual(await store.list(keys.marks("ada")), []);
    assert.doesNotMatch(
      JSON.stringify(await everything(store)),
      /to nobody but me/,
    );
  }));
