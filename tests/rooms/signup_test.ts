// Who may register, and what an invite does for a newcomer: account and membership are there together or not at all.
import assert from "node:assert/strict";
import { appoint } from "../../kv/accounts/admins.ts";
import { logIn } from "../../kv/accounts/login.ts";
import { setSuspended } from "../../kv/accounts/suspension.ts";
import { authenticate } from "../../kv/accounts/verify.ts";
import type { Core } from "../../kv/core.ts";
import { keys } from "../../kv/keys.ts";
import type { Principal } from "../../kv/principal.ts";
import type { Invite } from "../../kv/rooms/invite.ts";
import { LIMITS } from "../../kv/limits.ts";
import { acceptInvite } from "../../kv/rooms/accept.ts";
import {
  createInvite,
  listInvites,
  revokeInvite,
} from "../../kv/rooms/invites.ts";
import { addToRoom, listMembers } from "../../kv/rooms/members.ts";
import { listRooms } from "../../kv/rooms/list.ts";
import { register } from "../../kv/rooms/register.ts";
import type { Signup } from "../../kv/settings.ts";
import { withProvider } from "../accounts/provider.ts";
import {
  CALLER,
  inWorld,
  notStored,
  refuses,
  run,
  storedWithoutAnswer,
  type World,
} from "../accounts/world.ts";
import { everything, person, roomOf, say } from "../log/world.ts";

interface Scene extends World {
  /** Where registering is as the test wants it. */
  readonly core: Core;
  readonly ada: Principal;
  readonly room: string;
}

function inScene(
  signup: Signup,
  test: (scene: Scene) => Promise<void>,
): Promise<void> {
  return inWorld(async (world) => {
    const core = world.isolate({ signup });
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    await test({ ...world, core, ada, room });
  });
}

async function invite({ core, room, ada }: Scene, maxUses = 1) {
  return (await run(core, createInvite, { room, maxUses }, ada)).code;
}

function signUp(core: Core, username: string, more: { invite?: string } = {}) {
  return run(core, register, {
    username,
    password: "a long password",
    email: `${username}@example.org`,
    ...more,
  });
}

async function usesLeft({ store, room }: Scene, code: string) {
  return (await store.get<Invite>(keys.invite(room, code))).value?.usesLeft;
}

for (const signup of ["open", "invite"] as const) {
  Deno.test(`with SIGNUP=${signup} who registers by an invite is in its room, for one use`, () =>
    inScene(signup, async (scene) => {
      const { core, room, rings } = scene;
      const code = await invite(scene, 2);
      const { accessToken, user } = await signUp(core, "bob", { invite: code });
      const bob = await authenticate(core, accessToken, CALLER);
      const { items } = await run(core, listRooms, {}, bob);
      assert.deepEqual(items.map(({ id, role }) => [id, role]), [
        [room, "member"],
      ]);
      assert.equal(await usesLeft(scene, code), 1);
      const members = await run(core, listMembers, { room }, bob);
      assert.ok(
        members.items.some((one) =>
          "username" in one.user && one.user.username === "bob"
        ),
      );
      assert.ok(
        rings.some((ring) => "user" in ring && ring.user === user.id),
      );
      // They sign in like anybody.
      const form = { login: "bob@example.org", password: "a long password" };
      assert.equal((await run(core, logIn, form)).user.id, user.id);
    }));
}

Deno.test("with SIGNUP=invite nobody registers without one", () =>
  inScene("invite", async ({ core, store }) => {
    const before = await everything(store);
    await assert.rejects(
      signUp(core, "bob"),
      refuses(
        "forbidden",
        "Registering here takes an invite: ask somebody who is here for one.",
      ),
    );
    assert.deepEqual(await everything(store), before);
  }));

Deno.test("with SIGNUP=invite nobody who is suspended comes back by an invite of their own", () =>
  inScene("invite", async (scene) => {
    const { core, room, ada } = scene;
    const bob = await person(core, "bob");
    await run(core, addToRoom, { room, userId: "bob", role: "admin" }, ada);
    const root = await person(core, "root");
    await appoint(core, "root");
    const suspend = (suspended: boolean) =>
      run(core, setSuspended, { userId: "ada", suspended }, root);
    const code = await invite(scene);
    const accepted = () => run(core, acceptInvite, { code }, root);
    const shown = async () =>
      (await run(core, listInvites, { room }, bob)).items;

    await suspend(true);
    await assert.rejects(
      signUp(core, "eve", { invite: code }),
      refuses("gone"),
    );
    await assert.rejects(accepted(), refuses("gone"));
    assert.deepEqual(await shown(), []);
    // Until then it takes no place from others.
    for (let more = 0; more < LIMITS.invitesPerRoom; more++) {
      await run(core, createInvite, { room }, bob);
    }

    await suspend(false);
    assert.equal(await usesLeft(scene, code), 1);
    await signUp(core, "eve", { invite: code });
  }));

Deno.test("with SIGNUP=closed nobody registers, invite or not", () =>
  inScene("closed", async (scene) => {
    const { core, store } = scene;
    const code = await invite(scene);
    const before = await everything(store);
    for (const more of [{}, { invite: code }, { invite: "unknown" }]) {
      await assert.rejects(signUp(core, "bob", more), refuses("forbidden"));
    }
    assert.deepEqual(await everything(store), before);
  }));

for (const signup of ["invite", "closed"] as const) {
  Deno.test(`with SIGNUP=${signup} the identity provider's users are users at first sight`, () =>
    withProvider(async ({ provider, isolate }) => {
      const core = isolate({ signup });
      const token = await provider.token("42");
      assert.ok((await authenticate(core, token, CALLER)).user);
    }));
}

for (const signup of ["open", "invite"] as const) {
  Deno.test(`with SIGNUP=${signup} a bad invite is refused before a password is hashed, and leaves the name free`, () =>
    inScene(signup, async (scene) => {
      const { core, store, derived, ada, room } = scene;
      const used = await invite(scene);
      await signUp(core, "eve", { invite: used });
      const revoked = await invite(scene);
      await run(core, revokeInvite, { room, code: revoked }, ada);
      const hashed = derived.length;
      const before = await everything(store);
      const bad: [string, "gone" | "not_found"][] = [
        [used, "gone"],
        [revoked, "gone"],
        ["A".repeat(22), "not_found"],
      ];
      for (const [code, refusal] of bad) {
        await assert.rejects(
          signUp(core, "bob", { invite: code }),
          refuses(refusal),
        );
      }
      assert.equal(derived.length, hashed);
      assert.deepEqual(await everything(store), before);
      await signUp(core, "bob", { invite: await invite(scene) });
    }));
}

Deno.test("who knows no invite learns nothing about names, and a taken name takes no use", () =>
  inScene("invite", async (scene) => {
    const { core, derived } = scene;
    const code = await invite(scene, 2);
    await signUp(core, "bob", { invite: code });
    const hashed = derived.length;
    await assert.rejects(
      signUp(core, "bob", { invite: "A".repeat(22) }),
      refuses("not_found"),
    );
    await assert.rejects(
      signUp(core, "BOB", { invite: code }),
      refuses("username_taken"),
    );
    assert.equal(derived.length, hashed);
    assert.equal(await usesLeft(scene, code), 1);
  }));

Deno.test("who never heard the answer is told that the name is taken, not that the invite is gone, and logs in", () =>
  inScene("invite", async (scene) => {
    const { core, isolate, room } = scene;
    const code = await invite(scene);
    await signUp(core, "bob", { invite: code });
    const other = isolate({ signup: "invite" });
    await assert.rejects(
      signUp(other, "bob", { invite: code }),
      refuses("username_taken"),
    );
    const form = { login: "bob", password: "a long password" };
    const { accessToken } = await run(other, logIn, form);
    const bob = await authenticate(other, accessToken, CALLER);
    const { items } = await run(other, listRooms, {}, bob);
    assert.deepEqual(items.map(({ id }) => id), [room]);
  }));

for (const fault of [storedWithoutAnswer, notStored]) {
  Deno.test(`registering by an invite makes one user and takes one use when its commit is ${fault.name}`, () =>
    inScene("invite", async (scene) => {
      const { core, store } = scene;
      const code = await invite(scene, 3);
      // The signing key is made by an earlier commit.
      await signUp(core, "eve", { invite: code });
      store.faults.push(fault);
      await signUp(core, "bob", { invite: code });
      assert.equal(await usesLeft(scene, code), 1);
      assert.equal((await store.list(["name"])).length, 2);
    }));
}

Deno.test("registering by an invite makes one user when its commit is called lost, and others write", () =>
  inScene("invite", async (scene) => {
    const { core, isolate, store, room, ada } = scene;
    const code = await invite(scene, 3);
    await signUp(core, "eve", { invite: code });
    const other = isolate();
    store.faults.push(async (commit) => {
      await commit();
      await say(other, room, ada, "hello");
      return { kind: "lost" };
    });
    await signUp(core, "bob", { invite: code });
    assert.equal(await usesLeft(scene, code), 1);
    assert.equal((await store.list(["name"])).length, 2);
  }));

Deno.test("a name that goes to another room's newcomer in the last moment takes no use", () =>
  inScene("invite", async (scene) => {
    const { core, isolate, store, ada } = scene;
    const code = await invite(scene, 2);
    await signUp(core, "eve", { invite: code });
    const room = await roomOf(core, ada);
    const elsewhere = await invite({ ...scene, room });
    const other = isolate({ signup: "invite" });
    store.faults.push(async (commit) => {
      await signUp(other, "bob", { invite: elsewhere });
      return await commit();
    });
    await assert.rejects(
      signUp(core, "bob", { invite: code }),
      refuses("username_taken"),
    );
    assert.equal(await usesLeft(scene, code), 1);
    assert.equal((await store.list(["name"])).length, 2);
  }));

Deno.test("of two who want one name at once by one invite one gets it, and one use is taken", () =>
  inScene("invite", async (scene) => {
    const { core, isolate, store } = scene;
    const code = await invite(scene, 2);
    for (const other of [core, isolate({ signup: "invite" })]) {
      const name = other === core ? "bob" : "cyd";
      const before = Number(await usesLeft(scene, code));
      const asked = await Promise.allSettled([
        signUp(core, name, { invite: code }),
        signUp(other, name.toUpperCase(), { invite: code }),
      ]);
      const refused = asked.filter((one) => one.status === "rejected");
      assert.equal(refused.length, 1);
      refuses("username_taken")(refused[0]!.reason);
      assert.equal(await usesLeft(scene, code), before - 1);
    }
    assert.equal((await store.list(["name"])).length, 2);
  }));
