// Accounts and sessions of users who come from the owner's identity provider.
import assert from "node:assert/strict";
import { appoint } from "../../kv/accounts/admins.ts";
import { deleteMe } from "../../kv/accounts/deletion.ts";
import { logIn } from "../../kv/accounts/login.ts";
import {
  endOwnSession,
  listSessions,
} from "../../kv/accounts/session_operations.ts";
import { endSessions } from "../../kv/accounts/sessions.ts";
import { setSuspended } from "../../kv/accounts/suspension.ts";
import { createTicket, redeemTicket } from "../../kv/accounts/tickets.ts";
import { readMe } from "../../kv/accounts/users.ts";
import { searchUsers } from "../../kv/accounts/search.ts";
import type { Core } from "../../kv/core.ts";
import { keys } from "../../kv/keys.ts";
import { LIMITS } from "../../kv/limits.ts";
import type { Principal } from "../../kv/principal.ts";
import { type ProviderWorld, show, withProvider } from "./provider.ts";
import {
  CALLER,
  notStored,
  refuses,
  run,
  signUp,
  signUpAs,
  storedWithoutAnswer,
} from "./world.ts";

const HOUR = 3600_000;
const unauthenticated = refuses("unauthenticated");

/** What somebody with these claims is like at first sight. */
async function meet(
  { core, provider }: ProviderWorld,
  sub: string,
  claims: Record<string, unknown> = {},
) {
  const principal = await show(core, await provider.token(sub, claims));
  return await run(core, readMe, {}, principal);
}

function end(core: Core, principal: Principal) {
  return run(core, endOwnSession, { session: principal.session }, principal);
}

Deno.test("a user of the provider's is made at first sight, of what the token tells", () =>
  withProvider(async (world) => {
    const me = await meet(world, "42", {
      preferred_username: "Zoe",
      name: "Zoë van Dam",
      email: "Zoe@Example.com",
      email_verified: true,
    });
    assert.equal(me.username, "Zoe");
    assert.equal(me.displayName, "Zoë van Dam");
    assert.equal(me.email, "zoe@example.com");
    const { core, provider } = world;
    const principal = await show(core, await provider.token("42"));
    const found = await run(core, searchUsers, { q: "zoë van" }, principal);
    assert.deepEqual(found.items.map((user) => user.id), [me.id]);
  }));

Deno.test("the account of (iss, sub) stays the same, whatever its tokens say later", () =>
  withProvider(async (world) => {
    const first = await meet(world, "42", { preferred_username: "ada" });
    const later = await meet(world, "42", { preferred_username: "eve" });
    assert.deepEqual(later, first);
    const other = await meet(world, "43");
    assert.notEqual(other.id, first.id);
  }));

const NAMES: [string, Record<string, unknown>, RegExp][] = [
  ["a name that is taken", { preferred_username: "ADA" }, /^user-[0-9a-f]{4}$/],
  ["a name that is no username", {
    preferred_username: "eve@example.com",
    name: "Eve",
  }, /^eve$/],
  ["a real name", { name: "Zoë  van Dam, Jr." }, /^zoe\.van\.dam\.jr$/],
  ["a real name that is taken", { name: "Ada" }, /^ada-[0-9a-f]{4}$/],
  ["a long name", { name: `${"n".repeat(23)} x` }, /^n{23}$/],
  ["a short name", { name: "Bo" }, /^bo-[0-9a-f]{4}$/],
  ["a name in another script", { name: "李雷" }, /^user-[0-9a-f]{4}$/],
  ["nothing", {}, /^user-[0-9a-f]{4}$/],
  ["nonsense", { preferred_username: {}, name: 7 }, /^user-[0-9a-f]{4}$/],
];

for (const [what, claims, expected] of NAMES) {
  Deno.test(`of ${what} a username is made that is free`, () =>
    withProvider(async (world) => {
      await signUp(world.core, "ada");
      const me = await meet(world, "42", claims);
      assert.match(me.username, expected);
      const { name } = claims;
      assert.equal(
        me.displayName,
        typeof name === "string" ? name : me.username,
      );
    }));
}

Deno.test("an e-mail address links no accounts, and counts only where the provider vouches for it", () =>
  withProvider(async (world) => {
    const email = "ada@example.com";
    const ada = await signUp(world.core, "ada", { email });
    const same = await meet(world, "1", { email, email_verified: true });
    assert.notEqual(same.id, ada.user.id);
    assert.equal(same.email, undefined);
    for (const email_verified of [false, "true", undefined]) {
      const claims = { email: "eve@example.com", email_verified };
      const unsure = await meet(world, `2 ${email_verified}`, claims);
      assert.equal(unsure.email, undefined);
    }
    const wrong = { email: "not an address", email_verified: true };
    assert.equal((await meet(world, "3", wrong)).email, undefined);
    // Nor is it a way in: there is no password.
    await meet(world, "4", { email: "eve@example.com", email_verified: true });
    for (const password of ["", "password of eve"]) {
      await assert.rejects(
        logIn.run(world.core, { login: "eve@example.com", password }, CALLER),
        unauthenticated,
      );
    }
  }));

Deno.test("two isolates that see somebody first at once make one account and one session", () =>
  withProvider(async ({ isolate, provider, store }) => {
    const tokens = await Promise.all(
      // Without a name of its own, so that no name keeps them apart.
      [1, 2, 3, 4].map((jti) => provider.token("42", { jti })),
    );
    const shown = await Promise.all(
      tokens.map((token) => show(isolate(), token)),
    );
    assert.equal(new Set(shown.map(({ user }) => user)).size, 1);
    assert.equal(new Set(shown.map(({ session }) => session)).size, 1);
    assert.equal((await store.list(["name"])).length, 1);
    assert.equal((await store.list(keys.sessionsOf(shown[0]!.user))).length, 1);
  }));

Deno.test("a name taken at the same moment is left to whoever was first", () =>
  withProvider(async ({ core, provider, store, isolate }) => {
    const claims = {
      preferred_username: "ada",
      email: "ada@example.com",
      email_verified: true,
    };
    store.faults.push(async (commit) => {
      await signUp(isolate(), "ada", { email: "ada@example.com" });
      return commit();
    });
    const principal = await show(core, await provider.token("42", claims));
    const me = await run(core, readMe, {}, principal);
    assert.match(me.username, /^user-/);
    assert.equal(me.email, undefined);
  }));

for (
  const [what, fault] of Object.entries({ storedWithoutAnswer, notStored })
) {
  Deno.test(`first sight without an answer makes one account and one session (${what})`, () =>
    withProvider(async ({ core, provider, store }) => {
      // The account's commit, then, after what is settled, the session's.
      store.faults.push(fault);
      if (fault === notStored) store.faults.push((commit) => commit());
      store.faults.push(fault);
      const token = await provider.token("42", { preferred_username: "ada" });
      const { user } = await show(core, token);
      assert.equal(store.faults.length, 0);
      const names = await store.list<{ user: string }>(["name"]);
      assert.deepEqual(names.map(({ value }) => value.user), [user]);
      assert.equal((await store.list(["identity"])).length, 1);
      assert.equal((await store.list(keys.sessionsOf(user))).length, 1);
    }));
}

Deno.test("a deleted user's tokens are refused for ever, old and new", () =>
  withProvider(async ({ core, provider, isolate, clock, store }) => {
    const claims = { preferred_username: "ada" };
    const old = await provider.token("42", claims);
    const unseen = await provider.token("42", { ...claims, sid: "s" });
    const principal = await show(core, old);
    await run(core, deleteMe, {}, principal);
    await clock.advance(365 * 24 * HOUR);
    await clock.advance(1000);
    const fresh = [
      await provider.token("42", claims),
      await provider.token("42", { ...claims, sid: "another" }),
    ];
    for (const each of [core, isolate()]) {
      for (const token of fresh) {
        await assert.rejects(show(each, token), unauthenticated);
      }
      for (const token of [old, unseen]) {
        await assert.rejects(show(each, token), refuses("token_expired"));
      }
    }
    assert.equal((await store.list(["name"])).length, 1);
    assert.deepEqual(await store.list(keys.sessionsOf(principal.user)), []);
  }));

Deno.test("a deleted user's tokens are refused at once", () =>
  withProvider(async ({ core, provider, isolate }) => {
    const seen = await provider.token("42");
    const unseen = await provider.token("42", { sid: "s" });
    await run(core, deleteMe, {}, await show(core, seen));
    for (const each of [core, isolate()]) {
      await assert.rejects(show(each, seen), unauthenticated);
      await assert.rejects(show(each, unseen), unauthenticated);
    }
  }));

/** The core of an isolate in which a user of ours is an admin who suspends and restores. */
async function admin({ isolate }: ProviderWorld) {
  const core = isolate();
  const { user, principal } = await signUpAs(core, "root");
  await appoint(core, user.id);
  return (userId: string, suspended: boolean) =>
    run(core, setSuspended, { userId, suspended }, principal);
}

Deno.test("a suspended user stays so, whatever the provider says, and is told so", () =>
  withProvider(async (world) => {
    const { core, provider, isolate, clock, store } = world;
    const suspend = await admin(world);
    const mail = { email: "ada@example.com", email_verified: true };
    const seen = await provider.token("42", mail);
    const inSession = await provider.token("42", { sid: "s" });
    const unseen = await provider.token("42", { sid: "unseen" });
    const { user } = await show(core, seen);
    await show(core, inSession);
    await suspend(user, true);
    assert.deepEqual(await store.list(keys.sessionsOf(user)), []);
    // Where nothing rings it is believed for a second.
    await clock.advance(LIMITS.sessionCacheMs);
    const fresh = await Promise.all(
      [{}, { sid: "s" }, { sid: "new" }, { ...mail, preferred_username: "eve" }]
        .map((claims) => provider.token("42", { jti: "fresh", ...claims })),
    );
    const refusal = refuses("forbidden", "This account is suspended.");
    for (const each of [core, isolate()]) {
      for (const token of [seen, inSession, unseen, ...fresh]) {
        await assert.rejects(show(each, token), refusal);
        await assert.rejects(show(each, token), refusal);
      }
    }
    assert.deepEqual(await store.list(keys.sessionsOf(user)), []);
    // Who has the same address is somebody else, as before.
    const other = await meet(world, "43", mail);
    assert.notEqual(other.id, user);
    assert.equal(other.email, undefined);
    await assert.rejects(show(core, fresh[0]!), refusal);

    await suspend(user, false);
    for (const each of [core, isolate()]) {
      // What was ended stays so.
      for (const token of [seen, inSession, fresh[1]!]) {
        await assert.rejects(show(each, token), unauthenticated);
      }
      assert.equal((await show(each, fresh[0]!)).user, user);
      assert.equal((await show(each, fresh[2]!)).user, user);
    }
  }));

Deno.test("who is suspended while the provider's token is looked at gets no session", () =>
  withProvider(async (world) => {
    const { core, provider, store } = world;
    const suspend = await admin(world);
    const refusal = refuses("forbidden");
    // At first sight: the account was made, its session is about to be.
    store.faults.push((commit) => commit(), async (commit) => {
      const [row] = await store.list<{ user: string }>(["identity"]);
      await suspend(row!.value.user, true);
      return await commit();
    });
    await assert.rejects(show(core, await provider.token("1")), refusal);
    assert.equal(store.faults.length, 0);

    // A known user's new session, and one that is written down again.
    for (const [sub, sid] of [["2", "second"], ["3", "first"]] as const) {
      const token = await provider.token(sub, { sid: "first" });
      const { user } = await show(core, token);
      await world.clock.advance(HOUR);
      store.faults.push(async (commit) => {
        await suspend(user, true);
        return await commit();
      });
      const later = await provider.token(sub, { sid });
      await assert.rejects(show(core, later), refusal);
      assert.equal(store.faults.length, 0);
      assert.deepEqual(await store.list(keys.sessionsOf(user)), []);
    }
  }));

Deno.test("a session of the provider's that begins while its user is suspended ends with the others", () =>
  withProvider(async (world) => {
    const { core, provider, store } = world;
    const suspend = await admin(world);
    const { user } = await show(core, await provider.token("42"));
    const late = await provider.token("42", { sid: "late" });
    store.faults.push(async (commit) => {
      await show(core, late);
      return await commit();
    });
    await suspend(user, true);
    assert.deepEqual(await store.list(keys.sessionsOf(user)), []);
    await world.clock.advance(LIMITS.sessionCacheMs);
    await assert.rejects(show(core, late), refuses("forbidden"));
  }));

Deno.test("tokens with one sid are one session, listed and ended like any other, for ever", () =>
  withProvider(async ({ core, provider, isolate, clock, rings }) => {
    const sid = "phone";
    const phone = await show(core, await provider.token("42", { sid }));
    await clock.advance(1000);
    const caller = { address: "192.0.2.7", agent: "laptop" };
    const laptop = await show(
      core,
      await provider.token("42", { sid: "laptop" }),
      caller,
    );
    const again = await show(core, await provider.token("42", { sid, jti: 2 }));
    assert.equal(again.session, phone.session);
    const { items } = await run(core, listSessions, {}, phone);
    assert.deepEqual(items.map((item) => [item.id, item.current]), [
      [laptop.session, false],
      [phone.session, true],
    ]);
    assert.equal(items[0]!.agent, "laptop");

    rings.length = 0;
    const seen = await provider.token("42", { sid, jti: 3 });
    await show(core, seen);
    await end(core, phone);
    assert.deepEqual(rings, [{
      user: phone.user,
      what: "session",
      session: phone.session,
    }]);
    await assert.rejects(show(core, seen), unauthenticated);
    await clock.advance(60 * 24 * HOUR);
    for (const each of [core, isolate()]) {
      await assert.rejects(
        show(each, await provider.token("42", { sid })),
        unauthenticated,
      );
    }
    await show(core, await provider.token("42", { sid: "laptop" }));
    // Another user's session of the same name is another one.
    await show(core, await provider.token("43", { sid }));
  }));

Deno.test("without a sid a user's tokens are one session; ended, those issued before are void", () =>
  withProvider(async ({ core, provider, isolate, clock }) => {
    const early = await provider.token("42", { jti: "early" });
    const seen = await provider.token("42", { jti: "seen" });
    const first = await show(core, seen);
    await clock.advance(1500);
    assert.equal(
      (await show(core, await provider.token("42"))).session,
      first.session,
    );
    const lastMoment = await provider.token("42", { jti: "last" });
    await end(core, first);

    await clock.advance(1000);
    const second = await show(core, await provider.token("42"));
    assert.notEqual(second.session, first.session);
    // Also now that there is a session again.
    for (const each of [core, isolate()]) {
      for (const token of [early, seen, lastMoment]) {
        await assert.rejects(show(each, token), unauthenticated);
      }
    }
    await end(core, second);
    await assert.rejects(show(core, seen), unauthenticated);
  }));

Deno.test("a session that is ended while its token is looked at stays ended", () =>
  withProvider(async ({ core, provider, store, isolate, clock }) => {
    const sid = "s";
    const principal = await show(core, await provider.token("42", { sid }));
    await clock.advance(31 * 24 * HOUR);
    // Expired, so that it begins anew: under way it is ended.
    store.faults.push(async (commit) => {
      const other = isolate();
      await end(other, await show(other, await provider.token("42", { sid })));
      return await commit();
    });
    await assert.rejects(
      show(core, await provider.token("42", { sid })),
      unauthenticated,
    );
    assert.deepEqual(await store.list(keys.sessionsOf(principal.user)), []);
  }));

Deno.test("a session whose end is tried again while a new token is looked at stays ended for it", () =>
  withProvider(async ({ core, provider, store, isolate, clock }) => {
    const { user, session } = await show(core, await provider.token("42"));
    await endSessions(core, user, [session]);
    await clock.advance(1000);
    const token = await provider.token("42");
    store.faults.push(async (commit) => {
      await endSessions(isolate(), user, [session]);
      return await commit();
    });
    await assert.rejects(show(core, token), unauthenticated);
    await clock.advance(1000);
    await show(core, await provider.token("42"));
  }));

Deno.test("a session of the provider's lives while it is used, and as long as each of its tokens", () =>
  withProvider(async ({ core, provider, store, clock }) => {
    const sid = "s";
    let principal = await show(core, await provider.token("42", { sid }));
    const { session } = principal;
    const read = async () =>
      (await run(core, listSessions, {}, principal)).items[0]!;
    const { createdAt } = await read();
    for (let day = 0; day < 40; day++) {
      await clock.advance(24 * HOUR);
      principal = await show(core, await provider.token("42", { sid }));
    }
    assert.equal(principal.session, session);
    assert.equal((await read()).createdAt, createdAt);
    assert.equal(Date.parse((await read()).seenAt), clock.now());
    // Within the hour nothing is written.
    const { version } = await store.get(keys.session(session));
    await clock.advance(HOUR - 1000);
    await show(core, await provider.token("42", { sid }));
    assert.equal((await store.get(keys.session(session))).version, version);

    // Not ended, only long unused: the provider still vouches for it.
    await clock.advance(31 * 24 * HOUR);
    await show(core, await provider.token("42", { sid }));
  }));

Deno.test("a session of the provider's outlives short sessions of our own", () =>
  withProvider(async ({ isolate, provider, clock }) => {
    const core = isolate({ refreshTokenSeconds: 1 });
    const token = await provider.token("42");
    await show(core, token);
    await clock.advance(300_000);
    await show(core, token);
  }));

Deno.test("a provider's users have as many sessions as others; the oldest end for good", () =>
  withProvider(async ({ core, provider, store, clock }) => {
    const tokens: string[] = [];
    for (let i = 0; i <= LIMITS.sessionsPerUser; i++) {
      tokens.push(await provider.token("42", { sid: `s${i}` }));
      await show(core, tokens[i]!);
      await clock.advance(1);
    }
    const { user } = await show(core, tokens.at(-1)!);
    const sessions = await store.list(keys.sessionsOf(user));
    assert.equal(sessions.length, LIMITS.sessionsPerUser);
    await clock.advance(LIMITS.sessionCacheMs);
    await assert.rejects(show(core, tokens[0]!), unauthenticated);
    await show(core, tokens[1]!);
  }));

Deno.test("a provider's user opens a socket by ticket like any other", () =>
  withProvider(async ({ core, provider }) => {
    const principal = await show(core, await provider.token("42"));
    const { ticket } = await run(core, createTicket, {}, principal);
    const { user, session } = await redeemTicket(core, ticket, CALLER);
    assert.deepEqual([user, session], [principal.user, principal.session]);
  }));
