// Invites: what they let in and for how long, who may give them, and what is left of them.
import assert from "node:assert/strict";
import { deleteMe } from "../../kv/accounts/deletion.ts";
import type { Core } from "../../kv/core.ts";
import { keys } from "../../kv/keys.ts";
import { LIMITS } from "../../kv/limits.ts";
import type { Principal } from "../../kv/principal.ts";
import { acceptInvite } from "../../kv/rooms/accept.ts";
import { createRoom } from "../../kv/rooms/create.ts";
import {
  clearRoom,
  deleteRoom,
  leaveAllRooms,
} from "../../kv/rooms/deletion.ts";
import type { Invite } from "../../kv/rooms/invite.ts";
import {
  createInvite,
  listInvites,
  revokeInvite,
} from "../../kv/rooms/invites.ts";
import { leaveRoom } from "../../kv/rooms/join.ts";
import { listRooms } from "../../kv/rooms/list.ts";
import {
  addToRoom,
  changeMember,
  removeFromRoom,
} from "../../kv/rooms/members.ts";
import {
  inWorld,
  notStored,
  refuses,
  run,
  storedWithoutAnswer,
  type World,
} from "../accounts/world.ts";
import {
  everything,
  headOf,
  people,
  person,
  roomOf,
  wholeLog,
} from "../log/world.ts";

interface Scene extends World {
  /** The room's owner, an admin and a member of it, and two outside. */
  readonly ada: Principal;
  readonly bob: Principal;
  readonly cyd: Principal;
  readonly dan: Principal;
  readonly eve: Principal;
  readonly room: string;
}

function inScene(test: (scene: Scene) => Promise<void>): Promise<void> {
  return inWorld(async (world) => {
    const { core } = world;
    const [ada, bob, cyd, dan, eve] = await people(
      core,
      "ada",
      "bob",
      "cyd",
      "dan",
      "eve",
    ) as [Principal, Principal, Principal, Principal, Principal];
    const room = await roomOf(core, ada, { bob: "admin", cyd: "member" });
    await test({ ...world, ada, bob, cyd, dan, eve, room });
  });
}

type Wish = { maxUses?: number; expiresInSeconds?: number; role?: string };

function invite({ core, room }: Scene, by: Principal, wish: Wish = {}) {
  return run(core, createInvite, { room, ...wish }, by);
}

function accept(core: Core, code: string, who: Principal) {
  return run(core, acceptInvite, { code }, who);
}

async function stored({ store, room }: Scene, code: string): Promise<Invite> {
  const { value } = await store.get<Invite>(keys.invite(room, code));
  assert.ok(value);
  return value;
}

async function listed({ core, room }: Scene, by: Principal) {
  const { items } = await run(core, listInvites, { room }, by);
  return items.map(({ code }) => code).sort();
}

Deno.test("an invite without wishes is for members, any number of them, for seven days", () =>
  inScene(async (scene) => {
    const { core, clock, ada, dan, eve, room } = scene;
    const made = await invite(scene, ada);
    assert.match(made.code, /^[\w-]{22}$/);
    assert.deepEqual(made, {
      code: made.code,
      role: "member",
      by: "ada",
      usesLeft: null,
      expiresAt: new Date(clock.now() + 7 * 24 * 3600_000).toISOString(),
    });
    const mine = await accept(core, made.code, dan);
    assert.deepEqual([mine.id, mine.role, mine.memberCount, mine.unread], [
      room,
      "member",
      4,
      0,
    ]);
    await accept(core, made.code, eve);
    assert.deepEqual(await listed(scene, ada), [made.code]);
  }));

Deno.test("who comes by an invite came by themselves, with the invite's role", () =>
  inScene(async (scene) => {
    const { core, store, ada, dan, room } = scene;
    const { code } = await invite(scene, ada, { role: "guest" });
    await accept(core, code, dan);
    const last = (await wholeLog(store, room)).at(-1)!;
    assert.ok("event" in last && last.event.type === "member.joined");
    const { user, by, member } = last.event.data;
    assert.deepEqual([user, by, member.role], ["dan", "dan", "guest"]);
  }));

Deno.test("an invite is used up by as many as it is for, and then gone, not unknown", () =>
  inScene(async (scene) => {
    const { core, ada, dan, eve, room } = scene;
    const { code, usesLeft } = await invite(scene, ada, { maxUses: 1 });
    assert.equal(usesLeft, 1);
    await accept(core, code, dan);
    const before = await headOf(core.store, room);
    await assert.rejects(accept(core, code, eve), refuses("gone"));
    assert.deepEqual(await headOf(core.store, room), before);
    assert.deepEqual(await listed(scene, ada), []);
  }));

Deno.test("who is in the room already takes no use, be the invite good or not", () =>
  inScene(async (scene) => {
    const { core, ada, cyd, dan, room } = scene;
    const { code } = await invite(scene, ada, { maxUses: 1, role: "guest" });
    // Neither does it change their role.
    assert.equal((await accept(core, code, cyd)).role, "member");
    assert.equal((await stored(scene, code)).usesLeft, 1);
    assert.equal((await accept(core, code, dan)).role, "guest");
    // Used up, and by whom: the answer may have been lost.
    assert.equal((await accept(core, code, dan)).id, room);
    assert.equal((await stored(scene, code)).usesLeft, 0);
  }));

for (const fault of [storedWithoutAnswer, notStored]) {
  Deno.test(`accepting takes one use when its commit is ${fault.name}`, () =>
    inScene(async (scene) => {
      const { core, store, ada, dan, room } = scene;
      const { code } = await invite(scene, ada, { maxUses: 2 });
      store.faults.push(fault);
      await accept(core, code, dan);
      assert.equal((await stored(scene, code)).usesLeft, 1);
      assert.equal((await headOf(store, room)).memberCount, 4);
    }));

  Deno.test(`one invite is made when its commit is ${fault.name}, also while others write`, () =>
    inScene(async (scene) => {
      const { isolate, core, store, ada, cyd, room } = scene;
      const other = isolate();
      // As many as there may be, but for one: a second would be one too many.
      const others: string[] = [];
      while (others.length < LIMITS.invitesPerRoom - 1) {
        others.push((await invite(scene, ada)).code);
      }
      // The head has moved on when the first one looks whether its own commit was stored.
      store.faults.push(async (commit) => {
        const outcome = await fault(commit);
        await run(other, leaveRoom, { room }, cyd);
        return outcome;
      });
      const { code } = await run(core, createInvite, { room }, ada);
      assert.deepEqual(await listed(scene, ada), [...others, code].sort());
    }));
}

Deno.test("an invite expires", () =>
  inScene(async (scene) => {
    const { core, clock, ada, dan, eve } = scene;
    const { code } = await invite(scene, ada, { expiresInSeconds: 60 });
    await clock.advance(59_999);
    await accept(core, code, dan);
    assert.deepEqual(await listed(scene, ada), [code]);
    await clock.advance(1);
    await assert.rejects(accept(core, code, eve), refuses("gone"));
    assert.deepEqual(await listed(scene, ada), []);
  }));

Deno.test("a revoked invite is gone, and revoking it again is no fault", () =>
  inScene(async (scene) => {
    const { core, store, ada, bob, dan, room } = scene;
    const { code } = await invite(scene, ada);
    await run(core, revokeInvite, { room, code }, bob);
    await assert.rejects(accept(core, code, dan), refuses("gone"));
    const before = await headOf(store, room);
    await run(core, revokeInvite, { room, code }, ada);
    assert.deepEqual(await headOf(store, room), before);
    assert.deepEqual(await listed(scene, ada), []);
  }));

Deno.test("a code that was never made is unknown, and so is one of another room to who revokes it", () =>
  inScene(async (scene) => {
    const { core, ada, dan, room } = scene;
    const none = refuses("not_found", "There is no such invite.");
    await assert.rejects(accept(core, "A".repeat(22), dan), none);
    const other = await roomOf(core, ada);
    const { code } = await run(core, createInvite, { room: other }, ada);
    await assert.rejects(run(core, revokeInvite, { room, code }, ada), none);
    assert.equal((await accept(core, code, dan)).id, other);
  }));

Deno.test("an invite gives a role below its maker's, and never that of an owner", () =>
  inScene(async (scene) => {
    const { ada, bob } = scene;
    for (const role of ["admin", "member", "guest"]) {
      assert.equal((await invite(scene, ada, { role })).role, role);
    }
    for (const role of ["member", "guest"]) await invite(scene, bob, { role });
    const forbidden = refuses("forbidden");
    await assert.rejects(invite(scene, bob, { role: "admin" }), forbidden);
    const { success } = createInvite.input.safeParse({
      room: "r",
      role: "owner",
    });
    assert.equal(success, false);
  }));

Deno.test("one sees and revokes only invites that one could have made", () =>
  inScene(async (scene) => {
    const { core, ada, bob, room } = scene;
    const { code: high } = await invite(scene, ada, { role: "admin" });
    const { code: low } = await invite(scene, ada);
    assert.deepEqual(await listed(scene, ada), [high, low].sort());
    assert.deepEqual(await listed(scene, bob), [low]);
    await assert.rejects(
      run(core, revokeInvite, { room, code: high }, bob),
      refuses("not_found"),
    );
    await run(core, revokeInvite, { room, code: low }, bob);
  }));

const FALLS: Record<string, (scene: Scene) => Promise<unknown>> = {
  "is removed": ({ core, ada, room }) =>
    run(core, removeFromRoom, { room, userId: "bob" }, ada),
  "leaves": ({ core, bob, room }) => run(core, leaveRoom, { room }, bob),
  "becomes a member": ({ core, ada, room }) =>
    run(core, changeMember, { room, userId: "bob", role: "member" }, ada),
  "is deleted": async ({ core, bob }) => {
    await run(core, deleteMe, {}, bob);
    await leaveAllRooms(core, "bob");
  },
};
for (const [fall, befall] of Object.entries(FALLS)) {
  Deno.test(`an invite is gone when its maker ${fall}`, () =>
    inScene(async (scene) => {
      const { core, ada, dan } = scene;
      const { code } = await invite(scene, scene.bob);
      await befall(scene);
      await assert.rejects(accept(core, code, dan), refuses("gone"));
      assert.deepEqual(await listed(scene, ada), []);
    }));
}

Deno.test("an invite is gone when its role is no longer below its maker's", () =>
  inScene(async (scene) => {
    const { core, ada, bob, dan, eve, room } = scene;
    const toOwner = { room, userId: "bob", role: "owner" };
    await run(core, changeMember, toOwner, ada);
    const { code: high } = await invite(scene, bob, { role: "admin" });
    const { code: low } = await invite(scene, bob);
    await run(core, changeMember, { ...toOwner, role: "admin" }, ada);
    await assert.rejects(accept(core, high, dan), refuses("gone"));
    await accept(core, low, eve);
  }));

Deno.test("who was removed may come again by an invite that is still good, as a newcomer", () =>
  inScene(async (scene) => {
    const { core, ada, cyd, room } = scene;
    const { code } = await invite(scene, ada, { maxUses: 1, role: "guest" });
    await run(core, removeFromRoom, { room, userId: "cyd" }, ada);
    assert.equal((await accept(core, code, cyd)).role, "guest");
    await run(core, removeFromRoom, { room, userId: "cyd" }, ada);
    await assert.rejects(accept(core, code, cyd), refuses("gone"));
  }));

Deno.test("who is in as many rooms as one may be comes into no other, but a repeat is answered", () =>
  inScene(async (scene) => {
    const { core, store, ada, dan, eve } = scene;
    const { code } = await invite(scene, ada, { maxUses: 5 });
    await accept(core, code, dan);
    const fill = async (user: string, count: number) => {
      const rooms = Array.from({ length: count }, (_, i) => `full-${i}`);
      for (let i = 0; i < count; i += 1000) {
        await store.commit({
          checks: [],
          mutations: rooms.slice(i, i + 1000).map((one) => ({
            key: keys.membership(user, one),
            value: { v: 1, joined: 1 },
          })),
        });
      }
    };
    await fill("dan", LIMITS.roomsPerUser - 1);
    await fill("eve", LIMITS.roomsPerUser);
    await accept(core, code, dan);
    await assert.rejects(accept(core, code, eve), refuses("conflict"));
    assert.equal((await stored(scene, code)).usesLeft, 4);
  }));

Deno.test("a room has so many good invites, and remembers as many that are not", () =>
  inScene(async (scene) => {
    const { core, store, clock, ada, bob, dan, room } = scene;
    const count = async () => (await store.list(keys.invites(room))).length;
    const wishes = { room, expiresInSeconds: 60 };
    const { code: first } = await run(core, createInvite, {
      room,
      expiresInSeconds: 59,
    }, ada);
    // All at once, so that some share a commit.
    const makers = Array.from(
      { length: LIMITS.invitesPerRoom + 9 },
      (_, i) => i % 2 === 0 ? ada : bob,
    );
    const asked = await Promise.allSettled(
      makers.map((by) => run(core, createInvite, wishes, by)),
    );
    const refused = asked.filter(({ status }) => status === "rejected");
    assert.equal(refused.length, 10);
    await assert.rejects(invite(scene, ada), refuses("conflict"));
    assert.equal(await count(), LIMITS.invitesPerRoom);
    // One that ends makes room for another.
    await run(core, revokeInvite, { room, code: first }, ada);
    const { code: last } = await invite(scene, ada);
    await clock.advance(60_000);
    assert.deepEqual(await listed(scene, ada), [last]);

    for (let i = 0; i < LIMITS.invitesPerRoom - 1; i++) {
      await run(core, createInvite, wishes, ada);
    }
    assert.equal(await count(), 2 * LIMITS.invitesPerRoom);
    // Of those that ended, the one whose time was over first is not even remembered.
    await clock.advance(60_000);
    await invite(scene, ada);
    assert.equal(await count(), LIMITS.invitesPerRoom + 2);
    await assert.rejects(accept(core, first, dan), refuses("not_found"));
    assert.equal(
      (await store.list(["invite"])).length,
      LIMITS.invitesPerRoom + 2,
    );
  }));

Deno.test("invites are listed page by page", () =>
  inScene(async (scene) => {
    const { core, ada, room } = scene;
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.push((await invite(scene, ada)).code);
    const codes: string[] = [];
    let cursor: string | null | undefined;
    do {
      const page: Awaited<ReturnType<typeof listInvites.run>> = await run(
        core,
        listInvites,
        {
          room,
          limit: 2,
          ...(cursor === undefined ? {} : { cursor }),
        },
        ada,
      );
      assert.ok(page.items.length <= 2);
      codes.push(...page.items.map(({ code }) => code));
      cursor = page.nextCursor;
    } while (cursor !== null);
    assert.deepEqual(codes, made.sort());
  }));

Deno.test("a repeat under the same Idempotency-Key makes no second invite", () =>
  inScene(async (scene) => {
    const { core, isolate, ada, room } = scene;
    const who = { ...ada, idempotencyKey: "k".repeat(43) };
    const first = await run(core, createInvite, { room, maxUses: 3 }, who);
    const again = await run(isolate(), createInvite, { room, maxUses: 3 }, who);
    assert.deepEqual(again, first);
    assert.deepEqual(await listed(scene, ada), [first.code]);
    const other = { ...who, idempotencyKey: "o".repeat(43) };
    assert.notEqual(
      (await run(core, createInvite, { room, maxUses: 3 }, other)).code,
      first.code,
    );
  }));

Deno.test("making and revoking an invite makes no room the latest one", () =>
  inScene(async (scene) => {
    const { core, clock, ada, room } = scene;
    await clock.advance(1000);
    const later = await run(core, createRoom, { type: "group" }, ada);
    await clock.advance(1000);
    const { code } = await invite(scene, ada);
    await run(core, revokeInvite, { room, code }, ada);
    const { items } = await run(core, listRooms, {}, ada);
    assert.deepEqual(items.map(({ id }) => id), [later.id, room]);
    // What is said next is said now, all the same.
    await run(core, addToRoom, { room, userId: "dan" }, ada);
    assert.equal((await headOf(core.store, room)).at, clock.now());
  }));

Deno.test("nothing is left of the invites of a deleted room, and nobody comes by them", () =>
  inScene(async (scene) => {
    const { core, store, ada, dan, room } = scene;
    const { code } = await invite(scene, ada);
    const { code: revoked } = await invite(scene, ada);
    await run(core, revokeInvite, { room, code: revoked }, ada);
    await run(core, deleteRoom, { room }, ada);
    await assert.rejects(accept(core, code, dan), refuses("not_found"));
    await clearRoom(core, room);
    await assert.rejects(accept(core, code, dan), refuses("not_found"));
    for (const { key, value } of await everything(store)) {
      const row = JSON.stringify([key, value]);
      assert.ok(!row.includes(code) && !row.includes(revoked), row);
    }
  }));

Deno.test("a channel's invite is for those who could not give themselves that role", () =>
  inWorld(async ({ core }) => {
    const ada = await person(core, "ada");
    const dan = await person(core, "dan");
    const room = await roomOf(core, ada, {}, "channel");
    const { code } = await run(
      core,
      createInvite,
      { room, role: "admin" },
      ada,
    );
    assert.equal((await accept(core, code, dan)).role, "admin");
  }));
