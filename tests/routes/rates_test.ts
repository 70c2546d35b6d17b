// Rate limits by REST: who asks too often is told when to come back, and nobody else is.
import assert from "node:assert/strict";
import { type RateKind, RateLimits, RATES } from "../../kv/rates.ts";
import { FakeClock } from "../fake_clock.ts";
import { type Answer, inApp, refused } from "./world.ts";

async function untilLimited(
  kind: RateKind,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  for (let asked = 1;; asked++) {
    const answer = await ask();
    if (answer.status === 429) {
      assert.equal(asked, RATES[kind].burst + 1);
      return answer;
    }
  }
}

Deno.test("a user who asks too often is refused with a time to wait, others are not", async () => {
  const rates = new RateLimits(new FakeClock(), 1);
  await inApp(async ({ ask, join }) => {
    const [ada, bob] = [await join("ada"), await join("bob")];
    const read = ({ token }: { token: string }) =>
      ask("GET", "/users/me", { token });
    const answer = await untilLimited("requests", () => read(ada));
    const problem = refused(answer, 429, "rate_limited");
    assert.equal(problem.retryable, true);
    assert.ok(problem.retryAfterMs > 0);
    assert.equal(answer.headers.get("retry-after"), "1");
    assert.equal((await read(bob)).status, 200);
  }, { rates });
});

Deno.test("one login name is not tried often, in whatever case and from wherever", async () => {
  const rates = new RateLimits(new FakeClock(), 1);
  await inApp(async ({ ask }) => {
    let tries = 0;
    await untilLimited("signInsByName", () => {
      const login = ++tries % 2 === 0 ? "Ada" : "ada";
      return ask("POST", "/auth/login", { json: { login, password: "x" } });
    });
    const json = { login: "bob", password: "x" };
    refused(await ask("POST", "/auth/login", { json }), 401, "unauthenticated");
  }, { rates });
});

Deno.test("an address registers so many, and what is not valid counts as well", async () => {
  const rates = new RateLimits(new FakeClock(), 1);
  await inApp(async ({ ask }) => {
    await untilLimited(
      "registrations",
      () => ask("POST", "/auth/register", { json: {} }),
    );
  }, { rates });
});

Deno.test("messages are counted by user besides requests", async () => {
  const rates = new RateLimits(new FakeClock(), 1);
  await inApp(async ({ ask, join }) => {
    const { token } = await join("ada");
    const json = { type: "group", name: "room" };
    const room = (await ask("POST", "/rooms", { token, json })).body.id;
    await untilLimited(
      "messages",
      () =>
        ask("POST", `/rooms/${room}/messages`, { token, json: { text: "hi" } }),
    );
    assert.equal((await ask("GET", "/rooms", { token })).status, 200);
  }, { rates });
});

Deno.test("a user tries so many invites", async () => {
  const rates = new RateLimits(new FakeClock(), 1);
  await inApp(async ({ ask, join }) => {
    const [ada, bob] = [await join("ada"), await join("bob")];
    const guess = ({ token }: { token: string }) =>
      ask("POST", "/invites/guessed/accept", { token });
    await untilLimited("invites", () => guess(ada));
    refused(await guess(bob), 404, "not_found");
  }, { rates });
});

Deno.test("an address that keeps trying tokens is refused with a time to wait", async () => {
  const rates = new RateLimits(new FakeClock(), 1);
  await inApp(async ({ ask, join }) => {
    const { token } = await join("ada");
    await untilLimited(
      "signIns",
      () => ask("GET", "/users/me", { token: `${token}x` }),
    );
    assert.equal((await ask("GET", "/users/me", { token })).status, 200);
  }, { rates });
});
