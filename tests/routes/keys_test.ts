// Service keys by REST: what they may, as whom, and everything that they may not.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { appoint } from "../../kv/accounts/admins.ts";
import { makeKey } from "../../kv/accounts/new_key.ts";
import { deleteMe } from "../../kv/accounts/deletion.ts";
import { authenticate } from "../../kv/accounts/verify.ts";
import { Refused } from "../../kv/errors.ts";
import { keys } from "../../kv/keys.ts";
import { LIMITS } from "../../kv/limits.ts";
import { OPERATIONS } from "../../kv/operations.ts";
import { RateLimits } from "../../kv/rates.ts";
import { type Scope, scope } from "../../kv/scopes.ts";
import {
  CALLER,
  inWorld,
  refuses,
  run,
  signUp,
  storedWithoutAnswer,
} from "../accounts/world.ts";
import { FakeClock } from "../fake_clock.ts";
import { type AppWorld, inApp, refused } from "./world.ts";

/** Written from the contract: what each operation of signed-in users takes of a key; `-` is for no key. */
const TAKES: Readonly<Record<string, Scope | "-">> = {
  "session.list": "-",
  "session.endAll": "-",
  "session.get": "-",
  "session.end": "-",
  "ticket.create": "-",
  "user.me": "users",
  "user.update": "users",
  "user.delete": "-",
  "user.get": "users",
  "user.search": "users",
  "user.create": "users",
  "user.find": "users",
  "user.setSuspended": "users",
  "session.create": "sessions",
  "key.create": "-",
  "key.list": "-",
  "key.delete": "-",
  "room.create": "rooms",
  "room.list": "rooms",
  "room.public": "rooms",
  "room.get": "rooms",
  "room.update": "rooms",
  "room.delete": "rooms",
  "room.join": "rooms",
  "room.leave": "rooms",
  "invite.create": "rooms",
  "invite.list": "rooms",
  "invite.revoke": "rooms",
  "invite.accept": "rooms",
  "member.list": "rooms",
  "member.add": "rooms",
  "member.update": "rooms",
  "member.remove": "rooms",
  "message.send": "messages",
  "message.get": "messages",
  "message.edit": "messages",
  "message.delete": "messages",
  "room.history": "messages",
  "receipt.read": "messages",
};

const ALL = scope.options;
const HOUR = 3600_000;

type Keyed = Pick<AppWorld, "core">;

async function keyFor(
  { core }: Keyed,
  scopes: readonly Scope[] = ALL,
  name = "shop",
  more: { expiresInSeconds?: number } = {},
) {
  const form = { name, scopes: [...scopes], ...more };
  const { key, made } = await makeKey(core, form, null);
  return { token: key, ...made };
}

const actingFor = (id: string) => ({ headers: { "Kvorum-User": id } });

Deno.test("every operation takes its scope and no other; what names none is for no key", () =>
  inWorld(async (world) => {
    const operations = OPERATIONS.filter(({ access }) => access === "user");
    assert.deepEqual(
      Object.keys(TAKES).sort(),
      operations.map(({ name }) => name).sort(),
    );
    const principal = async (scopes: readonly Scope[]) => {
      const { token } = await keyFor(world, scopes);
      return await authenticate(world.core, token, CALLER);
    };
    const all = await principal(ALL);
    const without = new Map<string, typeof all>();
    const only = new Map<string, typeof all>();
    for (const one of ALL) {
      without.set(one, await principal(ALL.filter((other) => other !== one)));
      only.set(one, await principal([one]));
    }
    for (const { name, access, run } of operations) {
      if (access === "public") continue;
      const takes = TAKES[name]!;
      await assert.rejects(
        run(world.core, {}, without.get(takes) ?? all),
        refuses(
          "forbidden",
          takes === "-"
            ? "A service key may not do this."
            : `This service key lacks the scope ${takes}.`,
        ),
        name,
      );
      if (takes === "-") continue;
      // The input is none: how far it comes does not matter, only that it is not the key that stops it.
      const reason = await run(world.core, {}, only.get(takes)!)
        .then(() => null, (thrown: unknown) => thrown);
      const stopped = reason instanceof Refused && reason.code === "forbidden";
      assert.equal(stopped, false, `${name}: ${reason}`);
    }
  }));

Deno.test("a key is its own account, and by Kvorum-User whoever it acts for", () =>
  inApp(async (world) => {
    const { ask, join } = world;
    const ada = await join("ada");
    const { token, account } = await keyFor(world);
    const own = await ask("GET", "/users/me", { token });
    assert.deepEqual(
      [own.body.id, own.body.username, own.body.role],
      [account, "shop", "user"],
    );
    const asAda = { token, ...actingFor(ada.id) };
    assert.equal((await ask("GET", "/users/me", asAda)).body.id, ada.id);
    // Its own id says nothing new.
    const asItself = { token, ...actingFor(account) };
    assert.equal((await ask("GET", "/users/me", asItself)).body.id, account);

    const json = { type: "group", name: "Order 1", members: [ada.id] };
    const { body: room } = await ask("POST", "/rooms", { token, json });
    const path = `/rooms/${room.id}/messages`;
    await ask("POST", path, { token, json: { text: "It has shipped" } });
    await ask("POST", path, { ...asAda, json: { text: "Thanks" } });
    const { body } = await ask("GET", path, { token: ada.token });
    assert.deepEqual(
      body.items.map((
        { sender, text }: { sender: string; text: string },
      ) => [sender, text]),
      [[account, "It has shipped"], [ada.id, "Thanks"]],
    );
    // Acting for somebody is being no more than they are.
    const name = { json: { name: "Mine" } };
    const rename = await ask("PATCH", `/rooms/${room.id}`, {
      ...asAda,
      ...name,
    });
    refused(rename, 403, "forbidden");
    const eve = await join("eve");
    const asEve = { token, ...actingFor(eve.id) };
    refused(await ask("GET", path, asEve), 404, "not_found");
  }));

Deno.test("Kvorum-User is refused where it can't be followed, never passed over", () =>
  inApp(async (world) => {
    const { ask, join, core } = world;
    const [ada, eve] = [await join("ada"), await join("eve")];
    const { token } = await keyFor(world);
    const { account: other } = await keyFor(world, ALL, "other");
    const { token: weak } = await keyFor(world, ["users"], "weak");
    const gone = await authenticate(core, eve.token, CALLER);
    await run(core, deleteMe, {}, gone);

    const cases: [string, string, number, string][] = [
      [ada.token, ada.id, 403, "forbidden"],
      [ada.token, eve.id, 403, "forbidden"],
      ["no-token", ada.id, 401, "unauthenticated"],
      [weak, ada.id, 403, "forbidden"],
      [weak, "nobody", 403, "forbidden"],
      [token, other, 403, "forbidden"],
      [token, "nobody", 404, "not_found"],
      [token, eve.id, 404, "not_found"],
      [token, "no id!", 400, "invalid"],
      [token, "", 400, "invalid"],
      [token, `${ada.id}, ${ada.id}`, 400, "invalid"],
      [token, "x".repeat(65), 400, "invalid"],
      [ada.token, "no id!", 400, "invalid"],
    ];
    for (const [token, user, status, code] of cases) {
      const answer = await ask("GET", "/users/me", {
        token,
        ...actingFor(user),
      });
      refused(answer, status, code);
    }
    const nobody = { token, ...actingFor("nobody") };
    const { body } = await ask("GET", "/users/me", nobody);
    assert.match(body.detail, /Kvorum-User/);
    const lacking = await ask("GET", "/users/me", {
      token: weak,
      ...actingFor(ada.id),
    });
    assert.match(lacking.body.detail, /scope act/);
  }));

Deno.test("a user who is deleted is acted for no longer, at once here and within a second elsewhere", () =>
  inWorld(async (world) => {
    const { core, clock, isolate } = world;
    const { token } = await keyFor(world);
    const made = { ...CALLER, user: "u", session: "s", expiresAt: Infinity };
    const profile = {
      v: 1,
      id: "u",
      username: "u",
      displayName: "u",
      createdAt: 0,
    };
    await core.store.commit({
      checks: [],
      mutations: [{ key: keys.profile("u"), value: profile }],
    });
    const elsewhere = isolate();
    for (const each of [core, elsewhere]) {
      await authenticate(each, token, CALLER, "u");
    }
    await run(core, deleteMe, {}, made);
    const refusal = refuses("not_found");
    await assert.rejects(authenticate(core, token, CALLER, "u"), refusal);
    await clock.advance(LIMITS.sessionCacheMs);
    await assert.rejects(authenticate(elsewhere, token, CALLER, "u"), refusal);
  }));

Deno.test("a key with any one character changed, cut off or added is none", () =>
  inWorld(async (world) => {
    const { core } = world;
    const { token } = await keyFor(world);
    assert.match(token, /^kvk_[\w-]{20}_[\w-]{43}$/);
    const near = [...token].map((char, i) =>
      `${token.slice(0, i)}${char === "A" ? "B" : "A"}${token.slice(i + 1)}`
    );
    const others = [
      "kvk_",
      token.slice(0, -1),
      `${token}A`,
      token.toLowerCase(),
      ` ${token}`,
      "kvk_" + "x".repeat(100_000),
    ];
    for (const wrong of [...near, ...others]) {
      if (wrong === token) continue;
      await assert.rejects(
        authenticate(core, wrong, CALLER),
        refuses("unauthenticated"),
      );
    }
    await authenticate(core, token, CALLER);
  }));

Deno.test("a revoked key ends at once here and within a second elsewhere, its account stays", () =>
  inApp(async (world) => {
    const { ask, join, core, clock, isolate } = world;
    const ada = await join("ada");
    await appoint(core, ada.id);
    const { token, id, account } = await keyFor(world);
    const other = await keyFor(world);
    assert.equal(other.account, account);
    const elsewhere = isolate();
    await authenticate(elsewhere, token, CALLER);
    assert.equal((await ask("GET", "/users/me", { token })).status, 200);

    const path = `/admin/keys/${id}`;
    assert.equal(
      (await ask("DELETE", path, { token: ada.token })).status,
      204,
    );
    refused(await ask("GET", "/users/me", { token }), 401, "unauthenticated");
    await clock.advance(LIMITS.sessionCacheMs);
    await assert.rejects(
      authenticate(elsewhere, token, CALLER),
      refuses("unauthenticated"),
    );
    refused(
      await ask("DELETE", path, { token: ada.token }),
      404,
      "not_found",
    );
    const rest = await ask("GET", "/users/me", { token: other.token });
    assert.equal(rest.body.id, account);
  }));

Deno.test("a key that expires is good until then", () =>
  inWorld(async (world) => {
    const { core, clock } = world;
    const { token } = await keyFor(world, ALL, "shop", { expiresInSeconds: 9 });
    const { expiresAt } = await authenticate(core, token, CALLER);
    assert.equal(expiresAt, clock.now() + 9000);
    await clock.advance(8999);
    await authenticate(core, token, CALLER);
    await clock.advance(1);
    await assert.rejects(
      authenticate(core, token, CALLER),
      refuses("unauthenticated"),
    );
    const forever = await keyFor(world);
    await clock.advance(1000 * 24 * HOUR);
    await authenticate(core, forever.token, CALLER);
  }));

Deno.test("its use is written down by the hour, and a request otherwise writes nothing", () =>
  inWorld(async (world) => {
    const { core, clock, store } = world;
    const { token, id } = await keyFor(world);
    const row = () => store.get<{ usedAt?: number }>(keys.serviceKey(id));
    const use = () => authenticate(core, token, CALLER);
    assert.equal((await row()).value?.usedAt, undefined);
    // Somebody who only knows its id does not use it.
    const guess = `kvk_${id}_${"A".repeat(43)}`;
    await assert.rejects(authenticate(core, guess, CALLER));
    assert.equal((await row()).value?.usedAt, undefined);
    await use();
    const first = await row();
    assert.equal(first.value?.usedAt, clock.now());
    await clock.advance(HOUR - 1);
    await use();
    assert.equal((await row()).version, first.version);
    await clock.advance(1);
    await use();
    assert.equal((await row()).value?.usedAt, clock.now());
    // Revoked by another isolate between reading and writing: it is not written back.
    await clock.advance(HOUR);
    store.faults.push(async (commit) => {
      await store.commit({
        checks: [],
        mutations: [{ key: keys.serviceKey(id), delete: true }],
      });
      return commit();
    });
    await use();
    assert.equal((await row()).value, null);
  }));

Deno.test("a key is shown when it is made, stored nowhere in the clear, and listed without its hash", () =>
  inApp(async (world) => {
    const { ask, join, core, store, clock } = world;
    const { token, id } = await join("ada");
    await appoint(core, id);
    const asked = {
      token,
      json: { name: "Shop", scopes: ["rooms", "act"], expiresInSeconds: 60 },
      // An answer that was kept would hold it.
      headers: { "Idempotency-Key": "k" },
    };
    const { body } = await ask("POST", "/admin/keys", asked);
    const again = await ask("POST", "/admin/keys", asked);
    assert.notEqual(again.body.key, body.key);
    await ask("GET", "/users/me", { token: body.key });

    const rows = JSON.stringify(await store.list([]));
    for (const key of [body.key, again.body.key]) {
      assert.equal(rows.includes(key.slice(-43)), false);
    }
    const { key: _, ...listed } = body;
    const { items } = (await ask("GET", "/admin/keys", { token })).body;
    const found = items.find((one: { id: string }) => one.id === listed.id);
    assert.equal(Date.parse(found.usedAt), clock.now());
    const { usedAt: __, ...rest } = found;
    assert.deepEqual(rest, listed);
    assert.deepEqual(
      [found.name, found.scopes, found.createdBy],
      ["Shop", ["rooms", "act"], id],
    );
    assert.equal(/hash/.test(JSON.stringify(items)), false);
    const pages = await ask("GET", "/admin/keys?limit=1", { token });
    const next = `/admin/keys?limit=1&cursor=${pages.body.nextCursor}`;
    const second = await ask("GET", next, { token });
    assert.equal(second.body.nextCursor, null);
    assert.deepEqual(
      [...pages.body.items, ...second.body.items].map(({ id }) => id),
      items.map(({ id }: { id: string }) => id),
    );
  }));

Deno.test("a person's name, also a deleted person's, becomes no service's", () =>
  inApp(async (world) => {
    const { core, join } = world;
    await join("ada");
    const eve = await join("eve");
    await run(core, deleteMe, {}, await authenticate(core, eve.token, CALLER));
    for (const name of ["ada", "ADA", "eve"]) {
      await assert.rejects(
        keyFor(world, ALL, name),
        refuses("username_taken"),
      );
    }
    const { account } = await keyFor(world);
    assert.equal((await keyFor(world, ["act"], "SHOP")).account, account);
    await assert.rejects(appoint(core, account), refuses("conflict"));
    await assert.rejects(appoint(core, eve.id), refuses("not_found"));
  }));

Deno.test("keys that are made at once for a new service are of one account", () =>
  inWorld(async (world) => {
    const made = await Promise.all(
      ["shop", "Shop", "SHOP"].map((name) => keyFor(world, ALL, name)),
    );
    assert.equal(new Set(made.map(({ account }) => account)).size, 1);
    assert.equal(new Set(made.map(({ id }) => id)).size, 3);
    for (const { token, account } of made) {
      const { user } = await authenticate(world.core, token, CALLER);
      assert.equal(user, account);
    }
  }));

Deno.test("a service makes its users, once however often it asks, and finds which are its own", () =>
  inApp(async (world) => {
    const { ask, join, store } = world;
    await join("eve");
    const { token, account } = await keyFor(world, ["users"]);
    const asked = {
      token,
      json: { username: "Zoe", displayName: "Zoë" },
      headers: { "Idempotency-Key": "user 7" },
    };
    // As when the server died before it could keep its answer.
    store.faults.push((commit) => commit(), storedWithoutAnswer);
    const { status, body } = await ask("POST", "/admin/users", asked);
    assert.equal(status, 201);
    assert.deepEqual(
      [body.username, body.displayName, body.role, body.createdBy],
      ["Zoe", "Zoë", "user", account],
    );
    await store.commit({
      checks: [],
      mutations: (await store.list(["answered"]))
        .map(({ key }) => ({ key, delete: true })),
    });
    assert.deepEqual((await ask("POST", "/admin/users", asked)).body, body);

    const taken = { token, json: { username: "zoe" } };
    refused(await ask("POST", "/admin/users", taken), 409, "username_taken");
    const find = async (name: string) =>
      (await ask("GET", `/admin/users?username=${name}`, { token })).body.items;
    assert.deepEqual(await find("ZOE"), [body]);
    assert.equal((await find("eve"))[0].createdBy, undefined);
    assert.deepEqual(await find("nobody"), []);

    const login = { login: "zoe", password: "any at all" };
    refused(
      await ask("POST", "/auth/login", { json: login }),
      401,
      "unauthenticated",
    );
    const withPassword = { username: "pat", password: "correct horse battery" };
    await ask("POST", "/admin/users", { token, json: withPassword });
    const signedIn = await ask("POST", "/auth/login", {
      json: { login: "pat", password: withPassword.password },
    });
    assert.equal(signedIn.status, 200);
  }));

Deno.test("another request under an old Idempotency-Key makes nobody of somebody who is or was a user", () =>
  inApp(async (world) => {
    const { ask, core, clock, store } = world;
    const { token } = await keyFor(world, ["users"]);
    const make = (json: unknown) => {
      const headers = { "Idempotency-Key": "user 7" };
      return ask("POST", "/admin/users", { token, json, headers });
    };
    const { body: zoe } = await make({ username: "zoe" });
    await appoint(core, zoe.id);
    const rows = () => store.list(keys.profile(zoe.id).slice(0, 2));
    const before = await rows();
    const names = await store.list(["name"]);
    const other = { username: "mallory", password: "my own password" };

    clock.advance(25 * HOUR);
    refused(await make(other), 409, "conflict");
    assert.deepEqual(await rows(), before);
    assert.deepEqual(await store.list(["name"]), names);

    clock.advance(25 * HOUR);
    assert.deepEqual((await make({ username: "zoe" })).body.id, zoe.id);

    const principal = {
      ...CALLER,
      user: zoe.id,
      session: "hers",
      expiresAt: Infinity,
    };
    await run(core, deleteMe, {}, principal);
    clock.advance(25 * HOUR);
    refused(await make(other), 409, "conflict");
    clock.advance(25 * HOUR);
    refused(await make({ username: "zoe" }), 404, "not_found");
  }));

Deno.test("a service signs its users in, but nobody with a role, no service, and nobody who is gone", () =>
  inApp(async (world) => {
    const { ask, join, core } = world;
    const [ada, bob, eve] = [
      await join("ada"),
      await join("bob"),
      await join("eve"),
    ];
    await appoint(core, ada.id);
    await run(core, deleteMe, {}, await authenticate(core, eve.token, CALLER));
    const { token, account } = await keyFor(world, ["sessions"]);
    const signIn = (id: string) =>
      ask("POST", `/admin/users/${id}/sessions`, { token });
    const { status, body } = await signIn(bob.id);
    assert.deepEqual([status, body.user.id], [201, bob.id]);
    const me = await ask("GET", "/users/me", { token: body.accessToken });
    assert.equal(me.body.id, bob.id);
    const { refreshToken } = body;
    const refresh = await ask("POST", "/auth/refresh", {
      json: { refreshToken },
    });
    assert.equal(refresh.status, 200);
    const sessions = await ask("GET", "/auth/sessions", { token: bob.token });
    assert.equal(sessions.body.items.length, 2);

    refused(await signIn(ada.id), 403, "forbidden");
    refused(await signIn(account), 403, "forbidden");
    refused(await signIn(eve.id), 404, "not_found");
    refused(await signIn("nobody"), 404, "not_found");
  }));

Deno.test("what a service sends for a user and what the user sends are two requests, under one Idempotency-Key too", () =>
  inApp(async (world) => {
    const { ask, join } = world;
    const ada = await join("ada");
    const { token } = await keyFor(world);
    const once = { "Idempotency-Key": "k" };
    const json = { type: "group", name: "Mine" };
    const own = await ask("POST", "/rooms", {
      token: ada.token,
      json,
      headers: once,
    });
    const acting = {
      token,
      json: { ...json, name: "Ours" },
      headers: { ...once, "Kvorum-User": ada.id },
    };
    const other = await ask("POST", "/rooms", acting);
    assert.equal(other.status, 201);
    assert.notEqual(other.body.id, own.body.id);
    const again = await ask("POST", "/rooms", acting);
    assert.equal(again.body.id, other.body.id);
  }));

Deno.test("an answer is repeated to no other key of the service that lacks the scope, nor is such a refusal kept", () =>
  inApp(async (world) => {
    const { ask } = world;
    const without = await keyFor(world, ["rooms"]);
    const withIt = await keyFor(world, ["users"]);
    const make = ({ token }: { token: string }) =>
      ask("POST", "/admin/users", {
        token,
        json: { username: "ada" },
        headers: { "Idempotency-Key": "k" },
      });
    refused(await make(without), 403, "forbidden");
    assert.equal((await make(withIt)).status, 201);
    refused(await make(without), 403, "forbidden");
  }));

Deno.test("of a password in a request that may be repeated nothing is kept by which it could be guessed", () =>
  inApp(async (world) => {
    const { ask, store } = world;
    const { token } = await keyFor(world);
    const json = { username: "ada", password: "correct horse battery" };
    const headers = { "Idempotency-Key": "user 7" };
    await ask("POST", "/admin/users", { token, json, headers });
    const [row] = await store.list<{ asked: string }>(["answered"]);
    const guess = (text: string) =>
      createHash("sha256").update(text).digest("base64url");
    const withKey = [headers["Idempotency-Key"], json];
    for (const guessed of [json, withKey]) {
      assert.notEqual(guess(JSON.stringify(guessed)), row!.value.asked);
    }
  }));

Deno.test("a service is limited as each user it acts for, and more generously in its own name", () => {
  const rates = new RateLimits(new FakeClock(), 0.01);
  return inApp(async (world) => {
    const { ask, core } = world;
    const { user: ada } = await signUp(core, "ada");
    const { user: bob } = await signUp(core, "bob");
    const { token } = await keyFor(world);
    const until429 = async (headers: Record<string, string>) => {
      for (let count = 0;; count++) {
        const { status } = await ask("GET", "/users/me", { token, headers });
        if (status === 429) return count;
        assert.equal(status, 200);
      }
    };
    assert.equal(await until429({ "Kvorum-User": ada.id }), 2);
    assert.equal(await until429({ "Kvorum-User": bob.id }), 2);
    assert.equal(await until429({}), 20);
  }, { rates });
});

Deno.test("browsers are not told that they may send Kvorum-User", () =>
  inApp(async ({ fetch }) => {
    const { headers } = await fetch("/api/v1/users/me", {
      method: "OPTIONS",
      headers: {
        Origin: "https://shop.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "kvorum-user",
      },
    });
    const allowed = headers.get("access-control-allow-headers") ?? "";
    assert.match(allowed, /Authorization/);
    assert.doesNotMatch(allowed, /kvorum-user/i);
  }, { origins: ["https://shop.example"] }));
