// Registering and logging in.
import assert from "node:assert/strict";
import { logIn } from "../../kv/accounts/login.ts";
import { type Derive, SCRYPT } from "../../kv/accounts/password_algorithms.ts";
import type { PasswordRecord } from "../../kv/accounts/passwords.ts";
import { register } from "../../kv/rooms/register.ts";
import { readMe } from "../../kv/accounts/users.ts";
import { keys } from "../../kv/keys.ts";
import {
  COST,
  inWorld,
  notStored,
  refuses,
  run,
  signUp,
  signUpAs,
  storedWithoutAnswer,
} from "./world.ts";

const FORM = { username: "Ada.L", password: "a long password" };

Deno.test("register() makes a user that is signed in", () =>
  inWorld(async ({ core }) => {
    const answer = await signUpAs(core, "Ada.L", { email: "Ada@Example.org" });
    assert.equal(answer.user.username, "Ada.L");
    assert.equal(answer.user.displayName, "Ada.L");
    assert.equal(answer.expiresIn, 900);
    assert.equal("email" in answer.user, false);
    const me = await run(core, readMe, {}, answer.principal);
    assert.deepEqual(me, {
      ...answer.user,
      email: "ada@example.org",
      role: "user",
    });
  }));

Deno.test("register() refuses a username or an e-mail address that is taken, whatever its case, without hashing", () =>
  inWorld(async ({ core, derived }) => {
    await signUp(core, "ada", { email: "ada@example.org" });
    const hashed = derived.length;
    await assert.rejects(signUp(core, "ADA"), refuses("username_taken"));
    await assert.rejects(
      signUp(core, "eve", { email: "ADA@example.ORG" }),
      refuses("email_taken"),
    );
    assert.equal(derived.length, hashed);
    // What was refused left nothing behind.
    await signUp(core, "eve");
  }));

Deno.test("register() gives a name to one of two who ask at once", () =>
  inWorld(async ({ core, isolate }) => {
    const results = await Promise.allSettled([
      signUp(core, "ada"),
      signUp(isolate(), "Ada"),
    ]);
    const refused = results.filter((result) => result.status === "rejected");
    assert.equal(refused.length, 1);
    refuses("username_taken")(refused[0]!.reason);
  }));

for (const fault of [storedWithoutAnswer, notStored]) {
  Deno.test(`register() makes one user when its commit is ${fault.name}`, () =>
    inWorld(async ({ core, store }) => {
      // The signing key is made by an earlier commit.
      await signUp(core, "eve");
      store.faults.push(fault);
      const { user, principal } = await signUpAs(core, "ada");
      assert.equal(principal.user, user.id);
      const found = await store.list(keys.searchNames());
      assert.equal(found.length, 2);
      await assert.rejects(signUp(core, "ada"), refuses("username_taken"));
    }));
}

const BAD_FORMS: Record<string, unknown> = {
  "a short username": { ...FORM, username: "ab" },
  "a long username": { ...FORM, username: "a".repeat(33) },
  "a username with a slash": { ...FORM, username: "a/b" },
  "an operator object as username": { ...FORM, username: { $gt: "" } },
  "an operator object as password": { ...FORM, password: { $ne: null } },
  "a short password": { ...FORM, password: "1234567" },
  "a password of 257 code points": { ...FORM, password: "😀".repeat(257) },
  "a password with a lone surrogate": { ...FORM, password: "12345678\ud800" },
  "an over-long display name": { ...FORM, displayName: "x".repeat(81) },
  "a blank display name": { ...FORM, displayName: " \t " },
  "a lone surrogate as display name": { ...FORM, displayName: "\ud83d" },
  "no e-mail address": { ...FORM, email: "ada@" },
  "an e-mail address over 254": { ...FORM, email: `a@${"b".repeat(250)}.org` },
  "null": null,
  "an empty object": {},
  "a list": [],
};
for (const [name, form] of Object.entries(BAD_FORMS)) {
  Deno.test(`register() refuses ${name}`, () => {
    const parsed = register.input.safeParse(form);
    assert.equal(parsed.success, false);
  });
}

Deno.test("register() takes 256 code points as password and never shows a faulty one in its error", () => {
  const password = "😀".repeat(256);
  assert.ok(register.input.safeParse({ ...FORM, password }).success);
  const { error } = register.input.safeParse({ ...FORM, password: "secret" });
  assert.doesNotMatch(JSON.stringify(error), /"secret"/);
});

Deno.test("register() folds a display name that grows beyond a key's bound", () =>
  inWorld(async ({ core }) => {
    const displayName = "\ufdfa".repeat(80);
    const { user } = await signUp(core, "ada", { displayName });
    assert.equal(user.displayName, displayName);
  }));

Deno.test("login() finds a user by username or e-mail address in any case", () =>
  inWorld(async ({ core }) => {
    const { user } = await signUp(core, "Ada", { email: "ada@example.org" });
    for (const login of ["ada", "ADA", "Ada@Example.org"]) {
      const answer = await run(core, logIn, {
        login,
        password: "password of Ada",
      });
      assert.deepEqual(answer.user, user);
    }
  }));

Deno.test("login() answers an unknown user and a wrong password alike, after one hash each", () =>
  inWorld(async ({ core, derived }) => {
    await signUp(core, "ada");
    derived.length = 0;
    const wrong = refuses("unauthenticated", "Wrong name or password.");
    const tries = ["ada", "nobody", "nobody@example.org", "$gt", "(", "../x"];
    for (const login of tries) {
      await assert.rejects(
        run(core, logIn, { login, password: "not it" }),
        wrong,
      );
    }
    assert.equal(derived.length, tries.length);
  }));

Deno.test("login() refuses operator objects in place of texts", () => {
  for (const operator of [{ $gt: "" }, { $ne: null }, ["ada"], 1, null, true]) {
    const password = "a long password";
    assert.equal(
      logIn.input.safeParse({ login: operator, password }).success,
      false,
    );
    assert.equal(
      logIn.input.safeParse({ login: "ada", password: operator }).success,
      false,
    );
  }
});

Deno.test("login() hashes the password anew when today's cost is another", () =>
  inWorld(async ({ isolate, store }) => {
    const [cheap, dear] = [8, 16].map((memory) =>
      isolate({ passwords: { cores: 2, cost: { ...COST, memory } } })
    );
    const { user } = await signUp(cheap!, "ada");
    const stored = () => store.get<PasswordRecord>(keys.password(user.id));
    const before = await stored();
    const form = { login: "ada", password: "password of ada" };
    await run(dear!, logIn, form);
    const after = await stored();
    assert.deepEqual([before.value?.memory, after.value?.memory], [8, 16]);
    assert.notEqual(after.value?.salt, before.value?.salt);

    await run(dear!, logIn, form);
    assert.equal((await stored()).version, after.version);
  }));

Deno.test("login() hashes scrypt's password anew by Argon2id where that is there", () =>
  inWorld(async ({ isolate, store }) => {
    // Stands for Argon2id, which the oldest Deno that is promised lacks.
    const newer = { ...SCRYPT, name: "argon2id" } as const;
    const [old, now] = ([[SCRYPT], [newer, SCRYPT]] as const).map((
      algorithms,
    ) => isolate({ passwords: { cores: 2, cost: COST, algorithms } }));
    const { user } = await signUp(old!, "ada");
    const stored = () => store.get<PasswordRecord>(keys.password(user.id));
    assert.equal((await stored()).value?.algorithm, "scrypt");
    const form = { login: "ada", password: "password of ada" };
    await run(now!, logIn, form);
    assert.equal((await stored()).value?.algorithm, "argon2id");
    await run(now!, logIn, form);
    await assert.rejects(run(old!, logIn, form), refuses("unavailable"));
  }));

Deno.test("login() lets several upgrade the same hash at once", () =>
  inWorld(async ({ isolate, store }) => {
    // Every password fits a hash that depends on nothing: only the commits matter here.
    const derive: Derive = () => Promise.resolve(new Uint8Array(32));
    const [cheap, dear] = [8, 16].map((memory) =>
      isolate({ passwords: { cores: 8, cost: { ...COST, memory }, derive } })
    );
    const { user } = await signUp(cheap!, "ada");
    await Promise.all(
      [1, 2, 3].map(() => run(dear!, logIn, { login: "ada", password: "x" })),
    );
    const sessions = await store.list(keys.sessionsOf(user.id));
    assert.equal(sessions.length, 4);
  }));

for (const fault of [storedWithoutAnswer, notStored]) {
  Deno.test(`login() starts one session when its commit is ${fault.name}`, () =>
    inWorld(async ({ core, store }) => {
      const { user } = await signUp(core, "ada");
      store.faults.push(fault);
      await run(core, logIn, { login: "ada", password: "password of ada" });
      const sessions = await store.list(keys.sessionsOf(user.id));
      assert.equal(sessions.length, 2);
    }));
}
