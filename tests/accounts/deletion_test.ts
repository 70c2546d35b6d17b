// What is left of a deleted user.
import assert from "node:assert/strict";
import { deleteMe, USER_DELETED } from "../../kv/accounts/deletion.ts";
import { logIn } from "../../kv/accounts/login.ts";
import { searchUsers } from "../../kv/accounts/search.ts";
import { refresh } from "../../kv/accounts/session_operations.ts";
import { getUser, readMe } from "../../kv/accounts/users.ts";
import { authenticate } from "../../kv/accounts/verify.ts";
import type { JobRow } from "../../kv/jobs/port.ts";
import { keys } from "../../kv/keys.ts";
import {
  CALLER,
  inWorld,
  refuses,
  run,
  signUp,
  signUpAs,
  storedWithoutAnswer,
} from "./world.ts";

const FORM = { login: "ada", password: "password of ada" };

Deno.test("user.delete leaves a tombstone, ends every session, and enqueues the rest", () =>
  inWorld(async ({ core, store, rings }) => {
    const { user, principal, accessToken, refreshToken } = await signUpAs(
      core,
      "ada",
      {
        email: "ada@example.org",
        displayName: "Countess",
      },
    );
    const second = await run(core, logIn, FORM);
    const { principal: eve } = await signUpAs(core, "eve");
    assert.deepEqual(await run(core, deleteMe, {}, principal), {});

    for (const token of [accessToken, second.accessToken]) {
      await assert.rejects(
        authenticate(core, token, CALLER),
        refuses("unauthenticated"),
      );
    }
    await assert.rejects(
      run(core, refresh, { refreshToken }),
      refuses("unauthenticated"),
    );
    await assert.rejects(
      run(core, logIn, FORM),
      refuses("unauthenticated", "Wrong name or password."),
    );
    await assert.rejects(
      run(core, readMe, {}, principal),
      refuses("unauthenticated"),
    );
    assert.deepEqual(await run(core, getUser, { userId: user.id }, eve), {
      id: user.id,
      deleted: true,
    });
    for (const q of ["ada", "countess"]) {
      assert.deepEqual((await run(core, searchUsers, { q }, eve)).items, []);
    }
    assert.deepEqual(
      rings.map((ring) => "what" in ring && ring.what).sort(),
      ["profile", "session", "session"],
    );
    const rows = await store.list(["u", user.id]);
    assert.deepEqual(rows.map((row) => row.key), [keys.profile(user.id)]);
    // One for now, one for rooms that were adding the user meanwhile.
    const jobs = await store.list<JobRow>(keys.jobs());
    const job = [USER_DELETED, { user: user.id }];
    assert.deepEqual(
      jobs.map(({ value }) => [value.kind, value.data]),
      [job, job],
    );
  }));

Deno.test("user.delete blocks the name for ever and frees the e-mail address", () =>
  inWorld(async ({ core }) => {
    const email = "ada@example.org";
    const { principal } = await signUpAs(core, "ada", { email });
    await run(core, deleteMe, {}, principal);
    await assert.rejects(signUp(core, "ADA"), refuses("username_taken"));
    await signUp(core, "eve", { email });
  }));

Deno.test("user.delete rings once and enqueues no more when its commit is stored without an answer", () =>
  inWorld(async ({ core, store, rings }) => {
    const { principal } = await signUpAs(core, "ada");
    store.faults.push(storedWithoutAnswer);
    await run(core, deleteMe, {}, principal);
    assert.equal(rings.length, 2);
    assert.equal((await store.list(keys.jobs())).length, 2);
  }));
