// Refresh tokens: what each is exchanged for, and what ends the family.
import assert from "node:assert/strict";
import { logOut, refresh } from "../../kv/accounts/session_operations.ts";
import { authenticate } from "../../kv/accounts/verify.ts";
import type { Core } from "../../kv/core.ts";
import { keys } from "../../kv/keys.ts";
import { LIMITS } from "../../kv/limits.ts";
import {
  CALLER,
  inWorld,
  notStored,
  refuses,
  run,
  signUp,
  signUpAs,
  storedWithoutAnswer,
} from "./world.ts";

const unauthenticated = refuses("unauthenticated");

function spend(core: Core, refreshToken: string) {
  return run(core, refresh, { refreshToken });
}

Deno.test("refresh() answers a new pair of tokens, again and again", () =>
  inWorld(async ({ core, clock }) => {
    let tokens = await signUp(core, "ada");
    const seen = new Set([tokens.refreshToken]);
    for (let i = 0; i < 5; i++) {
      await clock.advance(600_000);
      tokens = await spend(core, tokens.refreshToken);
      await authenticate(core, tokens.accessToken, CALLER);
      seen.add(tokens.refreshToken);
    }
    assert.equal(seen.size, 6);
  }));

Deno.test("refresh() repeats the same successor within 30 s, from any isolate", () =>
  inWorld(async ({ core, clock, isolate }) => {
    const { refreshToken } = await signUp(core, "ada");
    const first = await spend(core, refreshToken);
    await clock.advance(LIMITS.refreshGraceMs);
    const repeated = await spend(isolate(), refreshToken);
    assert.equal(repeated.refreshToken, first.refreshToken);
    await spend(core, first.refreshToken);
  }));

Deno.test("refresh() gives several at once the same successor", () =>
  inWorld(async ({ core, isolate }) => {
    const { refreshToken } = await signUp(core, "ada");
    const isolates = [core, isolate(), isolate()];
    const answers = await Promise.all(
      isolates.flatMap((
        core,
      ) => [spend(core, refreshToken), spend(core, refreshToken)]),
    );
    assert.equal(new Set(answers.map((answer) => answer.refreshToken)).size, 1);
  }));

Deno.test("refresh() ends the family when a token is repeated after 30 s", () =>
  inWorld(async ({ core, clock, rings }) => {
    const { user, refreshToken, principal } = await signUpAs(core, "ada");
    const first = await spend(core, refreshToken);
    await clock.advance(LIMITS.refreshGraceMs + 1);
    await assert.rejects(spend(core, refreshToken), unauthenticated);
    await assert.rejects(spend(core, first.refreshToken), unauthenticated);
    await assert.rejects(
      authenticate(core, first.accessToken, CALLER),
      unauthenticated,
    );
    assert.deepEqual(rings, [
      { user: user.id, what: "session", session: principal.session },
    ]);
  }));

Deno.test("refresh() ends the family when a token is repeated after its successor was used", () =>
  inWorld(async ({ core }) => {
    const { refreshToken } = await signUp(core, "ada");
    const first = await spend(core, refreshToken);
    const second = await spend(core, first.refreshToken);
    await assert.rejects(spend(core, refreshToken), unauthenticated);
    await assert.rejects(spend(core, second.refreshToken), unauthenticated);
  }));

Deno.test("refresh() takes a wall clock that was set back for no time passed", () =>
  inWorld(async ({ core, clock }) => {
    const { refreshToken } = await signUp(core, "ada");
    const first = await spend(core, refreshToken);
    clock.setWall(clock.now() - 3600_000);
    const repeated = await spend(core, refreshToken);
    assert.equal(repeated.refreshToken, first.refreshToken);
  }));

for (const fault of [storedWithoutAnswer, notStored]) {
  Deno.test(`refresh() rotates once when its commit is ${fault.name}`, () =>
    inWorld(async ({ core, store }) => {
      const { refreshToken } = await signUp(core, "ada");
      store.faults.push(fault);
      const first = await spend(core, refreshToken);
      assert.match(first.refreshToken, /\.1\./);
      assert.match(
        (await spend(core, first.refreshToken)).refreshToken,
        /\.2\./,
      );
    }));
}

Deno.test("refresh() does not bring back a session that ends meanwhile", () =>
  inWorld(async ({ core, store }) => {
    const { refreshToken } = await signUp(core, "ada");
    store.faults.push(async (commit) => {
      await run(core, logOut, { refreshToken });
      return commit();
    });
    await assert.rejects(spend(core, refreshToken), unauthenticated);
    assert.deepEqual(await store.list(["session"]), []);
  }));

Deno.test("refresh() answers unavailable when the store never answers", () =>
  inWorld(async ({ core, store }) => {
    const { refreshToken } = await signUp(core, "ada");
    store.faults.push(...Array(50).fill(notStored));
    await assert.rejects(spend(core, refreshToken), refuses("unavailable"));
    store.faults.length = 0;
    await spend(core, refreshToken);
  }));

Deno.test("refresh() refuses what this installation did not make, and ends nothing for it", () =>
  inWorld(async ({ core, isolate }) => {
    const { refreshToken, accessToken } = await signUp(core, "ada");
    const other = await signUp(core, "eve");
    const [session = "", generation = "", mac = ""] = refreshToken.split(".");
    const last = mac.at(-1) === "A" ? "B" : "A";
    const foreign = isolate({ secret: new Uint8Array(32).fill(8) });
    const id = session.slice(3);
    const salt = "AAAAAAAAAAAAAAAAAAAAAA";
    const forged = [
      "",
      "garbage",
      accessToken,
      `${session}.${generation}`,
      `${session}.${generation}.${mac.slice(0, -1)}${last}`,
      `${session}.1.${mac}`,
      `${session}.00.${mac}`,
      `${session}.-1.${mac}`,
      `${other.refreshToken.split(".")[0]}.0.${mac}`,
      `kr_nobody.0.${mac}`,
      foreign.accounts.refreshTokens.make(id, 0, salt),
    ];
    for (const token of forged.filter((token) => token !== "")) {
      await assert.rejects(spend(core, token), unauthenticated, token);
    }
    await spend(core, refreshToken);
  }));

Deno.test("refresh() refuses a generation that was never given out", () =>
  inWorld(async ({ core, store }) => {
    const { refreshToken, principal } = await signUpAs(core, "ada");
    const row = await store.get<{ salt: string }>(
      keys.session(principal.session),
    );
    const future = core.accounts.refreshTokens.make(
      principal.session,
      7,
      row.value!.salt,
    );
    await assert.rejects(spend(core, future), unauthenticated);
    await spend(core, refreshToken);
  }));

Deno.test("refresh() moves the session's expiry on, which ends it when nobody refreshes", () =>
  inWorld(async ({ core, clock }) => {
    const day = 24 * 3600_000;
    const { refreshToken } = await signUp(core, "ada");
    await clock.advance(29 * day);
    const first = await spend(core, refreshToken);
    await clock.advance(29 * day);
    const second = await spend(core, first.refreshToken);
    await clock.advance(30 * day);
    await assert.rejects(spend(core, second.refreshToken), unauthenticated);
  }));
