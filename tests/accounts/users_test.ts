// Profiles: read, changed, searched.
import assert from "node:assert/strict";
import { logIn } from "../../kv/accounts/login.ts";
import { readUsers } from "../../kv/accounts/profiles.ts";
import { searchUsers } from "../../kv/accounts/search.ts";
import { getUser, readMe, updateMe } from "../../kv/accounts/users.ts";
import type { Core } from "../../kv/core.ts";
import { keys } from "../../kv/keys.ts";
import type { Principal } from "../../kv/principal.ts";
import {
  inWorld,
  notStored,
  refuses,
  run,
  signUp,
  signUpAs,
  storedWithoutAnswer,
} from "./world.ts";

/** Every page of a search; fails when a page is larger than asked for. */
async function searchAll(
  core: Core,
  who: Principal,
  q: string,
  limit: number,
): Promise<string[]> {
  const names: string[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: object[]; nextCursor: string | null } = await run(
      core,
      searchUsers,
      { q, limit, ...(cursor === null ? {} : { cursor }) },
      who,
    );
    assert.ok(page.items.length <= limit);
    for (const user of page.items) {
      names.push("username" in user ? String(user.username) : "deleted");
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
  return names;
}

Deno.test("user.search finds by the beginning of username or display name, nobody twice, on pages of any size", () =>
  inWorld(async ({ core }) => {
    const { principal } = await signUpAs(core, "ada");
    await signUp(core, "Bob1", { displayName: "Bobby Tables" });
    await signUp(core, "bob2", { displayName: "bob2" });
    await signUp(core, "bob3", { displayName: "Alice" });
    await signUp(core, "zed", { displayName: "BOBO" });
    await signUp(core, "notbob", { displayName: "Not Bob" });
    for (const limit of [1, 2, 3, 100]) {
      const names = await searchAll(core, principal, "boB", limit);
      assert.deepEqual(
        names.sort(),
        ["Bob1", "bob2", "bob3", "zed"],
        `${limit}`,
      );
    }
    assert.deepEqual(await searchAll(core, principal, "bobby t", 10), ["Bob1"]);
    assert.deepEqual(await searchAll(core, principal, "alice", 10), ["bob3"]);
  }));

Deno.test("user.search finds what is typed in another form of the same characters", () =>
  inWorld(async ({ core }) => {
    const { principal } = await signUpAs(core, "ada", {
      displayName: "Ｅ́lodie",
    });
    assert.deepEqual(await searchAll(core, principal, "\u00c9LO", 10), ["ada"]);
  }));

Deno.test("user.search finds nothing for hostile texts and refuses foreign cursors", () =>
  inWorld(async ({ core }) => {
    const { principal } = await signUpAs(core, "ada");
    for (
      const q of [
        "(",
        ".*",
        "\\",
        "%",
        "__proto__",
        "\u{10ffff}",
        "ada\u{10ffff}",
        "'--",
      ]
    ) {
      assert.deepEqual(await searchAll(core, principal, q, 10), [], q);
    }
    await signUp(core, "adb");
    const { nextCursor } = await run(
      core,
      searchUsers,
      { q: "ad", limit: 1 },
      principal,
    );
    const encode = (value: unknown) =>
      new TextEncoder().encode(JSON.stringify(value)).toBase64({
        alphabet: "base64url",
      });
    const cursors = [
      "garbage",
      encode(["zzz", "u"]),
      encode([{}]),
      encode([5]),
      encode(["ad\u{10ffff}x", "u"]),
      encode(null),
    ];
    for (const cursor of cursors) {
      await assert.rejects(
        run(core, searchUsers, { q: "ad", cursor }, principal),
        refuses("invalid"),
        cursor,
      );
    }
    // A number that reads like what is searched for.
    await assert.rejects(
      run(core, searchUsers, { q: "5", cursor: encode([5]) }, principal),
      refuses("invalid"),
    );
    await assert.rejects(
      run(core, searchUsers, { q: "x", cursor: nextCursor }, principal),
      refuses("invalid"),
    );
    await assert.rejects(
      run(core, searchUsers, {}, principal),
      refuses("invalid"),
    );
    assert.equal(
      searchUsers.input.safeParse({ q: { $regex: "a" } }).success,
      false,
    );
    assert.equal(searchUsers.input.safeParse({ q: "\ud800" }).success, false);
    assert.equal(
      searchUsers.input.safeParse({ q: "a", limit: 101 }).success,
      false,
    );
  }));

Deno.test("user.search reads by ids, in their order, without unknown ones, at most 100", () =>
  inWorld(async ({ core }) => {
    const { user: ada, principal } = await signUpAs(core, "ada");
    const { user: eve } = await signUp(core, "eve");
    const ids = `${eve.id},unknown,../x,${
      "y".repeat(3000)
    },,${ada.id},${eve.id}`;
    const { items, nextCursor } = await run(
      core,
      searchUsers,
      { ids },
      principal,
    );
    assert.deepEqual(items, [eve, ada]);
    assert.equal(nextCursor, null);
    await assert.rejects(
      run(
        core,
        searchUsers,
        { ids: Array(101).fill("a").join(",") },
        principal,
      ),
      refuses("invalid"),
    );
  }));

Deno.test("readUsers() reads many users, each once", () =>
  inWorld(async ({ core }) => {
    const ids: string[] = [];
    for (let i = 0; i < 25; i++) {
      ids.push((await signUp(core, `user${i}`)).user.id);
    }
    const found = await readUsers(core, [...ids, ...ids, "unknown"]);
    assert.deepEqual([...found.keys()], ids);
  }));

Deno.test("user.get shows anybody without e-mail, and not_found for who does not exist", () =>
  inWorld(async ({ core }) => {
    const { principal } = await signUpAs(core, "ada");
    const { user } = await signUp(core, "eve", { email: "eve@example.org" });
    assert.deepEqual(
      await run(core, getUser, { userId: user.id }, principal),
      user,
    );
    await assert.rejects(
      run(core, getUser, { userId: "unknown" }, principal),
      refuses("not_found"),
    );
  }));

Deno.test("user.update changes what is named, rings, and is found by the new name only", () =>
  inWorld(async ({ core, rings }) => {
    const { user, principal } = await signUpAs(core, "ada", {
      email: "ada@example.org",
    });
    const avatar = "https://example.org/a.png";
    const changed = await run(core, updateMe, {
      displayName: "Countess",
      about: "one\ntwo",
      avatar,
    }, principal);
    assert.deepEqual(changed, {
      ...user,
      displayName: "Countess",
      about: "one\ntwo",
      avatar,
      email: "ada@example.org",
      role: "user",
    });
    assert.deepEqual(rings, [{ user: user.id, what: "profile" }]);
    assert.deepEqual(await searchAll(core, principal, "count", 10), ["ada"]);
    assert.deepEqual(await searchAll(core, principal, "ada", 10), ["ada"]);

    const cleared = await run(core, updateMe, {
      displayName: "Ada",
      about: null,
      avatar: null,
    }, principal);
    assert.deepEqual(cleared, {
      ...user,
      displayName: "Ada",
      email: "ada@example.org",
      role: "user",
    });
    assert.deepEqual(await searchAll(core, principal, "count", 10), []);
    assert.deepEqual(await run(core, updateMe, {}, principal), cleared);
  }));

Deno.test("user.update ignores every other field: password, id, username, email, role", () =>
  inWorld(async ({ core, store }) => {
    const { user, principal } = await signUpAs(core, "ada");
    const before = await store.get(keys.password(user.id));
    const password = "plain new password";
    await run(core, updateMe, {
      about: "me",
      password,
      id: "other",
      username: "root",
      email: "x@example.org",
      role: "admin",
      deleted: true,
    }, principal);
    assert.deepEqual(await store.get(keys.password(user.id)), before);
    const rows = await store.list<unknown>(["u"]);
    assert.equal(JSON.stringify(rows).includes(password), false);
    assert.deepEqual(await run(core, readMe, {}, principal), {
      ...user,
      about: "me",
      role: "user",
    });
    await run(core, logIn, { login: "ada", password: "password of ada" });
  }));

Deno.test("user.update refuses bad texts and addresses", () => {
  const faults = [
    { avatar: "javascript:alert(1)" },
    { avatar: "data:text/html,x" },
    { avatar: "JAVASCRIPT:alert(1)" },
    { avatar: " javascript:alert(1)" },
    { avatar: "//example.org/a.png" },
    { avatar: `https://example.org/${"a".repeat(2000)}` },
    { avatar: 1 },
    { displayName: null },
    { displayName: "" },
    { displayName: "a\u0000b" },
    { displayName: "\udc00" },
    { about: "x".repeat(501) },
    { about: { $set: 1 } },
    null,
  ];
  for (const fault of faults) {
    const { success } = updateMe.input.safeParse(fault);
    assert.equal(success, false, JSON.stringify(fault));
  }
});

for (const fault of [storedWithoutAnswer, notStored]) {
  Deno.test(`user.update moves the search rows once when its commit is ${fault.name}`, () =>
    inWorld(async ({ core, store }) => {
      const { principal } = await signUpAs(core, "ada");
      store.faults.push(fault);
      await run(core, updateMe, { displayName: "Countess" }, principal);
      const rows = await store.list(keys.searchNames());
      assert.deepEqual(rows.map((row) => row.key[1]), ["ada", "countess"]);
    }));
}

Deno.test("user.update keeps every one of several changes made at once", () =>
  inWorld(async ({ core, store, isolate }) => {
    const { principal } = await signUpAs(core, "ada");
    const avatar = "http://example.org/a.png";
    await Promise.all([
      run(core, updateMe, { displayName: "Countess" }, principal),
      run(isolate(), updateMe, { about: "first" }, principal),
      run(isolate(), updateMe, { avatar }, principal),
    ]);
    const me = await run(core, readMe, {}, principal);
    assert.deepEqual([me.displayName, me.about, me.avatar], [
      "Countess",
      "first",
      avatar,
    ]);
    assert.equal((await store.list(keys.searchNames())).length, 2);
  }));
