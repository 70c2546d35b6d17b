// Sessions as they start, are listed and end, and how long an ended one is believed.
import assert from "node:assert/strict";
import { deleteMe } from "../../kv/accounts/deletion.ts";
import { logIn } from "../../kv/accounts/login.ts";
import {
  endAllSessions,
  endOwnSession,
  listSessions,
  logOut,
  readSession,
  refresh,
} from "../../kv/accounts/session_operations.ts";
import { authenticate } from "../../kv/accounts/verify.ts";
import type { Core } from "../../kv/core.ts";
import { keys } from "../../kv/keys.ts";
import { LIMITS } from "../../kv/limits.ts";
import {
  CALLER,
  inWorld,
  refuses,
  run,
  signUp,
  signUpAs,
  storedWithoutAnswer,
  type World,
} from "./world.ts";

const unauthenticated = refuses("unauthenticated");

function spend(core: Core, refreshToken: string) {
  return run(core, refresh, { refreshToken });
}

Deno.test("logout() ends the session, once or twice, and says nothing about a token that is none", () =>
  inWorld(async ({ core, rings }) => {
    const { refreshToken, accessToken } = await signUpAs(core, "ada");
    for (const token of [refreshToken, refreshToken, "garbage", accessToken]) {
      assert.deepEqual(await run(core, logOut, { refreshToken: token }), {});
    }
    await assert.rejects(spend(core, refreshToken), unauthenticated);
    await assert.rejects(
      authenticate(core, accessToken, CALLER),
      unauthenticated,
    );
    assert.equal(rings.length, 1);
  }));

Deno.test("logout() ends nothing for a forged token", () =>
  inWorld(async ({ core }) => {
    const { refreshToken } = await signUp(core, "ada");
    const forged = refreshToken.replace(/.{20}$/, "A".repeat(20));
    await run(core, logOut, { refreshToken: forged });
    await spend(core, refreshToken);
  }));

Deno.test("session.list shows one's own sessions, the newest first, and nothing to make tokens of", () =>
  inWorld(async ({ core, clock }) => {
    const { principal } = await signUpAs(core, "ada");
    await signUp(core, "eve");
    await clock.advance(1000);
    const agent = `${"x".repeat(199)}😀`;
    await run(core, logIn, FORM, { address: "192.0.2.9", agent });
    const { items, nextCursor } = await run(core, listSessions, {}, principal);
    assert.equal(nextCursor, null);
    assert.deepEqual(items.map((item) => item.current), [false, true]);
    assert.equal(items[1]?.id, principal.session);
    assert.equal(items[0]?.address, "192.0.2.9");
    assert.ok(items[0]?.agent?.isWellFormed());
  }));

Deno.test("session.end ends one's own session at once, even without an answer, and hides others'", () =>
  inWorld(async ({ core, store, rings }) => {
    const ada = await signUpAs(core, "ada");
    const eve = await signUpAs(core, "eve");
    for (const session of [eve.principal.session, "unknown"]) {
      await assert.rejects(
        run(core, endOwnSession, { session }, ada.principal),
        refuses("not_found"),
      );
    }
    await authenticate(core, eve.accessToken, CALLER);

    store.faults.push(storedWithoutAnswer);
    await run(
      core,
      endOwnSession,
      { session: ada.principal.session },
      ada.principal,
    );
    await assert.rejects(
      authenticate(core, ada.accessToken, CALLER),
      unauthenticated,
    );
    assert.deepEqual(rings, [{
      user: ada.user.id,
      what: "session",
      session: ada.principal.session,
    }]);
    assert.deepEqual(await store.list(keys.sessionsOf(ada.user.id)), []);
  }));

Deno.test("session.list shows each session once on pages of any size, also when one ends between them", () =>
  inWorld(async ({ core, clock }) => {
    const { principal } = await signUpAs(core, "ada");
    for (let i = 0; i < 6; i++) {
      // Two of them at the same time.
      if (i !== 3) await clock.advance(1000);
      await run(core, logIn, FORM, CALLER);
    }
    const idsOf = async (input: { limit?: number; cursor?: string }) => {
      const { items, nextCursor } = await run(
        core,
        listSessions,
        input,
        principal,
      );
      return { ids: items.map((item) => item.id), nextCursor };
    };
    const { ids: all } = await idsOf({});
    assert.equal(all.length, 7);
    for (const limit of [1, 2, 3, 7]) {
      const paged: string[] = [];
      let cursor: string | null | undefined;
      do {
        const page = await idsOf({ limit, ...(cursor ? { cursor } : {}) });
        assert.ok(page.ids.length <= limit);
        paged.push(...page.ids);
        cursor = page.nextCursor;
      } while (cursor !== null);
      assert.deepEqual(paged, all);
    }
    const { nextCursor } = await idsOf({ limit: 2 });
    await run(core, endOwnSession, { session: all[1]! }, principal);
    const { ids } = await idsOf({ cursor: nextCursor! });
    assert.deepEqual(ids, all.slice(2));
  }));

Deno.test("session.get shows one's own session, nobody else's and none that ended", () =>
  inWorld(async ({ core }) => {
    const ada = await signUpAs(core, "ada");
    const eve = await signUpAs(core, "eve");
    const { session } = ada.principal;
    const [listed] = (await run(core, listSessions, {}, ada.principal)).items;
    assert.deepEqual(
      await run(core, readSession, { session }, ada.principal),
      listed,
    );
    const hidden = refuses("not_found");
    await assert.rejects(
      run(core, readSession, { session }, eve.principal),
      hidden,
    );
    await run(core, endOwnSession, { session }, ada.principal);
    await assert.rejects(
      run(core, readSession, { session }, ada.principal),
      hidden,
    );
  }));

Deno.test("session.endAll ends all one's own sessions at once, even without an answer, and nobody else's", () =>
  inWorld(async ({ core, store, rings }) => {
    const ada = await signUpAs(core, "ada");
    const eve = await signUpAs(core, "eve");
    const again = await run(core, logIn, FORM, CALLER);
    store.faults.push(storedWithoutAnswer);
    await run(core, endAllSessions, {}, ada.principal);
    for (const { accessToken, refreshToken } of [ada, again]) {
      await assert.rejects(
        authenticate(core, accessToken, CALLER),
        unauthenticated,
      );
      await assert.rejects(spend(core, refreshToken), unauthenticated);
    }
    assert.deepEqual(
      rings.map((ring) => "user" in ring && ring.user),
      [ada.user.id, ada.user.id],
    );
    await authenticate(core, eve.accessToken, CALLER);
  }));

Deno.test("SessionCache believes a session for at most a second in another isolate", () =>
  inWorld(async ({ core, clock, isolate }) => {
    const { accessToken, refreshToken, principal } = await signUpAs(
      core,
      "ada",
    );
    const other = isolate();
    await authenticate(other, accessToken, CALLER);
    await run(core, logOut, { refreshToken });
    await clock.advance(LIMITS.sessionCacheMs - 1);
    assert.equal(other.accounts.sessions.isFresh(principal.session), true);
    await clock.advance(1);
    assert.equal(other.accounts.sessions.isFresh(principal.session), false);
    await assert.rejects(
      authenticate(other, accessToken, CALLER),
      unauthenticated,
    );
  }));

Deno.test("SessionCache reads once for many who ask at once, and forgets what it is reading", () =>
  inWorld(async ({ core, store, isolate }) => {
    const { principal } = await signUpAs(core, "ada");
    let reads = 0;
    let release = () => {};
    const held = new Promise<void>((resolve) => release = resolve);
    const slow = {
      ...store,
      async get<T>(key: Parameters<typeof store.get>[0]) {
        reads++;
        const row = await store.get<T>(key);
        await held;
        return row;
      },
    };
    const { sessions } = isolate({ store: slow }).accounts;
    const asked = [1, 2, 3].map(() => sessions.requireLive(principal));
    sessions.forget(principal.session);
    release();
    await Promise.all(asked);
    assert.equal(reads, 1);
    assert.equal(sessions.isFresh(principal.session), false);
  }));

const FORM = { login: "ada", password: "password of ada" };

/** Signs up with as many sessions as a user may have. */
async function signUpEverywhere({ core, clock }: World) {
  const first = await signUpAs(core, "ada");
  for (let i = 1; i < LIMITS.sessionsPerUser; i++) {
    await clock.advance(1);
    await run(core, logIn, FORM);
  }
  await clock.advance(1);
  return first;
}

Deno.test("login() ends the oldest session when there are too many", () =>
  inWorld(async (world) => {
    const { core, store, rings } = world;
    const { user, principal, refreshToken } = await signUpEverywhere(world);
    assert.deepEqual(rings, []);
    await run(core, logIn, FORM);
    const sessions = await store.list(keys.sessionsOf(user.id));
    assert.equal(sessions.length, LIMITS.sessionsPerUser);
    await assert.rejects(spend(core, refreshToken), unauthenticated);
    assert.deepEqual(rings, [{
      user: user.id,
      what: "session",
      session: principal.session,
    }]);
  }));

Deno.test("login() keeps the limit beside another log-in and without an answer", () =>
  inWorld(async (world) => {
    const { core, store, isolate } = world;
    const { user } = await signUpEverywhere(world);
    const count = async () =>
      (await store.list(keys.sessionsOf(user.id))).length;
    store.faults.push(async (commit) => {
      await run(isolate(), logIn, FORM);
      return commit();
    });
    await run(core, logIn, FORM);
    assert.equal(await count(), LIMITS.sessionsPerUser);
    store.faults.push(storedWithoutAnswer);
    await run(core, logIn, FORM);
    assert.equal(await count(), LIMITS.sessionsPerUser);
  }));

Deno.test("login() refuses a password that is changed meanwhile", () =>
  inWorld(async ({ core, store }) => {
    const { user } = await signUp(core, "ada");
    store.faults.push(async (commit) => {
      const value = await core.accounts.passwords.hash("another password");
      const mutations = [{ key: keys.password(user.id), value }];
      await store.commit({ checks: [], mutations });
      return commit();
    });
    await assert.rejects(run(core, logIn, FORM), unauthenticated);
  }));

Deno.test("user.delete ends a session that starts meanwhile", () =>
  inWorld(async ({ core, store, isolate }) => {
    const { principal } = await signUpAs(core, "ada");
    store.faults.push(async (commit) => {
      await run(isolate(), logIn, FORM);
      return commit();
    });
    await run(core, deleteMe, {}, principal);
    assert.deepEqual(await store.list(["session"]), []);
  }));

Deno.test("login() beside a deletion leaves no session of the deleted user", () =>
  inWorld(async ({ core, store, isolate }) => {
    const { user, principal } = await signUpAs(core, "ada");
    await Promise.allSettled([
      ...[1, 2, 3, 4].map(() => run(isolate(), logIn, FORM)),
      run(core, deleteMe, {}, principal),
    ]);
    assert.deepEqual(await store.list(keys.sessionsOf(user.id)), []);
    assert.deepEqual(await store.list(["session"]), []);
  }));
