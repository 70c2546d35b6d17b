// Users who are kept out: by which ways, at once, and who may do that to whom.
import assert from "node:assert/strict";
import { appoint, appointByName } from "../../kv/accounts/admins.ts";
import { deleteMe } from "../../kv/accounts/deletion.ts";
import { logIn } from "../../kv/accounts/login.ts";
import { createSession, findUser } from "../../kv/accounts/made_users.ts";
import { makeKey } from "../../kv/accounts/new_key.ts";
import { searchUsers } from "../../kv/accounts/search.ts";
import { refresh } from "../../kv/accounts/session_operations.ts";
import { setSuspended } from "../../kv/accounts/suspension.ts";
import { createTicket, redeemTicket } from "../../kv/accounts/tickets.ts";
import { getUser, readMe, updateMe } from "../../kv/accounts/users.ts";
import { authenticate } from "../../kv/accounts/verify.ts";
import { toTimestamp } from "../../kv/clock.ts";
import type { Core } from "../../kv/core.ts";
import { keys } from "../../kv/keys.ts";
import { LIMITS } from "../../kv/limits.ts";
import type { Principal } from "../../kv/principal.ts";
import { scope } from "../../kv/scopes.ts";
import {
  CALLER,
  inWorld,
  notStored,
  refuses,
  run,
  signUpAs,
  storedWithoutAnswer,
  type World,
} from "./world.ts";

const FORM = { login: "ada", password: "password of ada" };
const suspended = refuses("forbidden", "This account is suspended.");
const unauthenticated = refuses("unauthenticated");

function set(core: Core, userId: string, suspended: boolean, by: Principal) {
  return run(core, setSuspended, { userId, suspended }, by);
}

async function adminOf(core: Core, username: string): Promise<Principal> {
  const { user, principal } = await signUpAs(core, username);
  await appoint(core, user.id);
  return principal;
}

async function keyOf(core: Core, actedFor: string | null = null) {
  const form = { name: "shop", scopes: scope.options };
  const { key } = await makeKey(core, form, null);
  return await authenticate(core, key, CALLER, actedFor);
}

/** Ada, and Root, an admin, who suspends her in another isolate. */
async function people({ core, isolate }: World) {
  const elsewhere = isolate();
  const root = await adminOf(elsewhere, "root");
  const ada = await signUpAs(core, "ada", { email: "ada@example.org" });
  const suspend = () => set(elsewhere, ada.user.id, true, root);
  const restore = () => set(elsewhere, ada.user.id, false, root);
  return { root, ada, id: ada.user.id, suspend, restore };
}

Deno.test("a suspended user's sessions end, and no way leads in until restored", () =>
  inWorld(async (world) => {
    const { core, clock, isolate, store, rings } = world;
    const { root, ada, id, suspend, restore } = await people(world);
    const { ticket } = await run(core, createTicket, {}, ada.principal);
    const second = await run(core, logIn, FORM);
    const { key } = await makeKey(
      core,
      { name: "shop", scopes: scope.options },
      null,
    );
    await authenticate(core, key, CALLER, id);
    rings.length = 0;
    const account = await suspend();
    assert.equal(account.suspendedAt, toTimestamp(clock.now()));
    assert.deepEqual(
      rings.map((ring) => "what" in ring && ring.what).sort(),
      ["profile", "session", "session"],
    );
    assert.deepEqual(await store.list(keys.sessionsOf(id)), []);
    // Where nothing rings it is believed for a second.
    await clock.advance(LIMITS.sessionCacheMs);
    const keepsOut = async (each: Core) => {
      for (const { accessToken, refreshToken } of [ada, second]) {
        await assert.rejects(
          authenticate(each, accessToken, CALLER),
          unauthenticated,
        );
        await assert.rejects(
          run(each, refresh, { refreshToken }),
          refuses("unauthenticated", "This refresh token is not valid."),
        );
      }
      await assert.rejects(redeemTicket(each, ticket, CALLER), unauthenticated);
    };
    for (const each of [core, isolate()]) {
      await keepsOut(each);
      for (const login of ["ada", "Ada@Example.org"]) {
        await assert.rejects(run(each, logIn, { ...FORM, login }), suspended);
        // To whoever proves nothing it is said to nobody.
        await assert.rejects(
          run(each, logIn, { login, password: "wrong" }),
          refuses("unauthenticated", "Wrong name or password."),
        );
      }
      await assert.rejects(
        run(each, createSession, { userId: id }, root),
        suspended,
      );
      await assert.rejects(authenticate(each, key, CALLER, id), suspended);
    }
    assert.deepEqual(await store.list(keys.sessionsOf(id)), []);

    await restore();
    for (const each of [core, isolate()]) {
      await keepsOut(each);
      const again = await run(each, logIn, FORM);
      const principal = await authenticate(each, again.accessToken, CALLER);
      assert.equal((await run(each, readMe, {}, principal)).id, id);
      await run(each, createSession, { userId: id }, root);
      assert.equal((await authenticate(each, key, CALLER, id)).user, id);
    }
  }));

Deno.test("others see a suspended user as before; only whoever looks after users sees since when", () =>
  inWorld(async (world) => {
    const { core, clock } = world;
    const { root, id, suspend, restore } = await people(world);
    const { principal: eve } = await signUpAs(core, "eve");
    const shown = async () => [
      await run(core, getUser, { userId: id }, eve),
      await run(core, searchUsers, { q: "ada" }, eve),
      await run(core, searchUsers, { ids: id }, eve),
    ];
    const found = async () =>
      (await run(core, findUser, { username: "ada" }, root)).items[0]!;
    const before = await shown();
    const account = await found();
    assert.equal("suspendedAt" in account, false);
    const suspendedAt = toTimestamp(clock.now());
    await suspend();
    assert.deepEqual(await shown(), before);
    assert.deepEqual(await found(), { ...account, suspendedAt });
    // Again, later: it is so since then.
    await clock.advance(1000);
    assert.equal((await suspend()).suspendedAt, suspendedAt);
    for (let twice = 0; twice < 2; twice++) {
      assert.deepEqual(await restore(), account);
    }
    assert.deepEqual(await found(), account);
  }));

Deno.test("nobody suspends themselves or a service, and no key an admin", () =>
  inWorld(async ({ core }) => {
    const [root, other] = [
      await adminOf(core, "root"),
      await adminOf(core, "other"),
    ];
    const ada = await signUpAs(core, "ada");
    const eve = await signUpAs(core, "eve");
    await run(core, deleteMe, {}, eve.principal);
    const service = await keyOf(core);
    const asRoot = await keyOf(core, root.user);
    const asAda = await keyOf(core, ada.user.id);
    const cases: [Principal, string, "forbidden" | "not_found"][] = [
      [root, root.user, "forbidden"],
      [root, service.user, "forbidden"],
      [service, service.user, "forbidden"],
      [service, root.user, "forbidden"],
      [asRoot, root.user, "forbidden"],
      [asRoot, other.user, "forbidden"],
      [ada.principal, ada.user.id, "forbidden"],
      [ada.principal, root.user, "forbidden"],
      [asAda, root.user, "forbidden"],
      [root, "nobody", "not_found"],
      [root, eve.user.id, "not_found"],
    ];
    for (const [by, userId, code] of cases) {
      for (const suspended of [true, false]) {
        await assert.rejects(set(core, userId, suspended, by), refuses(code));
      }
    }
    // An admin another one, who then does nothing more, also not with a session that is believed still.
    await set(core, other.user, true, root);
    for (const suspended of [true, false]) {
      await assert.rejects(
        set(core, ada.user.id, suspended, other),
        refuses("forbidden"),
      );
    }
    await assert.rejects(
      set(core, other.user, false, service),
      refuses("forbidden"),
    );
    await set(core, other.user, false, root);
    await set(core, ada.user.id, true, service);
    await set(core, ada.user.id, false, service);
  }));

Deno.test("of two admins who suspend each other at once one is too late", () =>
  inWorld(async ({ core, isolate, store }) => {
    const [one, two] = [await adminOf(core, "one"), await adminOf(core, "two")];
    store.faults.push(async (commit) => {
      await set(isolate(), one.user, true, two);
      return await commit();
    });
    await assert.rejects(set(core, two.user, true, one), suspended);
    await set(core, one.user, false, two);
  }));

Deno.test("whom the task makes an admin can sign in, suspended before or not", () =>
  inWorld(async (world) => {
    const { core } = world;
    const { root, suspend } = await people(world);
    for (let twice = 0; twice < 2; twice++) {
      await suspend();
      await appointByName(core, core.accounts.passwords, "ada");
      const { accessToken } = await run(core, logIn, FORM);
      const ada = await authenticate(core, accessToken, CALLER);
      await set(core, root.user, true, ada);
      await set(core, root.user, false, ada);
    }
  }));

Deno.test("who is suspended on the way in gets no session", () =>
  inWorld(async (world) => {
    const { core, store } = world;
    const { root, ada, id, suspend, restore } = await people(world);
    const ways: [string, () => Promise<unknown>, typeof suspended][] = [
      ["login", () => run(core, logIn, FORM), suspended],
      [
        "session.create",
        () => run(core, createSession, { userId: id }, root),
        suspended,
      ],
      // Nothing but the session is proven by it, and that has ended.
      [
        "refresh",
        () => run(core, refresh, { refreshToken: ada.refreshToken }),
        unauthenticated,
      ],
    ];
    for (const [way, enter, refusal] of ways.toReversed()) {
      store.faults.push(async (commit) => {
        await suspend();
        return await commit();
      });
      await assert.rejects(enter(), refusal, way);
      assert.equal(store.faults.length, 0, way);
      assert.deepEqual(await store.list(keys.sessionsOf(id)), [], way);
      await restore();
    }
    // Stored, and not known to be: what was asked for again is refused, too.
    store.faults.push(async (commit) => {
      await storedWithoutAnswer(commit);
      await suspend();
      return { kind: "unknown", cause: "test" };
    });
    await assert.rejects(run(core, logIn, FORM), suspended);
    assert.deepEqual(await store.list(keys.sessionsOf(id)), []);
  }));

Deno.test("who comes in while being suspended is put out with the others", () =>
  inWorld(async (world) => {
    const { core, store, clock } = world;
    const { root, ada, id, suspend, restore } = await people(world);
    const ways: (() => Promise<{ accessToken: string }>)[] = [
      () => run(core, refresh, { refreshToken: ada.refreshToken }),
      () => run(core, logIn, FORM),
      () => run(core, createSession, { userId: id }, root),
    ];
    for (const enter of ways) {
      const tokens: string[] = [];
      store.faults.push(async (commit) => {
        tokens.push((await enter()).accessToken);
        return await commit();
      });
      await suspend();
      assert.deepEqual(await store.list(keys.sessionsOf(id)), []);
      await clock.advance(LIMITS.sessionCacheMs);
      assert.equal(tokens.length, 1);
      await assert.rejects(
        authenticate(core, tokens[0]!, CALLER),
        unauthenticated,
      );
      await restore();
    }
  }));

Deno.test("a user who changes their profile meanwhile is suspended none the less", () =>
  inWorld(async (world) => {
    const { core, store } = world;
    const { ada, suspend, restore } = await people(world);
    const rename = (displayName: string) =>
      run(core, updateMe, { displayName }, ada.principal);
    store.faults.push(async (commit) => {
      await rename("Countess");
      return await commit();
    });
    assert.equal((await suspend()).displayName, "Countess");
    await restore();
    store.faults.push(async (commit) => {
      await suspend();
      return await commit();
    });
    await assert.rejects(rename("Lady"), suspended);
    await assert.rejects(run(core, logIn, FORM), suspended);
  }));

for (
  const [what, fault] of Object.entries({ storedWithoutAnswer, notStored })
) {
  Deno.test(`a suspension without an answer ends every session and rings for it (${what})`, () =>
    inWorld(async (world) => {
      const { core, store, rings } = world;
      const { ada, id, suspend } = await people(world);
      rings.length = 0;
      store.faults.push(fault);
      await suspend();
      assert.deepEqual(rings, [
        { user: id, what: "session", session: ada.principal.session },
        { user: id, what: "profile" },
      ]);
      await assert.rejects(run(core, logIn, FORM), suspended);
      assert.deepEqual(await store.list(keys.sessionsOf(id)), []);
    }));
}
