// Which tokens of the owner's identity provider are taken, and what becomes of its keys.
import assert from "node:assert/strict";
import { base64url, SignJWT } from "jose";
import { Refused } from "../../kv/errors.ts";
import { FakeProvider, ISSUER, show, withProvider } from "./provider.ts";
import { CALLER, refuses, signUpAs } from "./world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const unauthenticated = refuses("unauthenticated");
const unavailable = refuses("unavailable");

Deno.test("authenticate() takes a provider's token beside our own, and never asks for keys before", () =>
  withProvider(async ({ core, provider, clock }) => {
    const own = await signUpAs(core, "ada");
    assert.equal((await show(core, own.accessToken)).user, own.user.id);
    assert.equal(provider.fetches, 0);
    const token = await provider.token("42");
    const { user, session, expiresAt, ...caller } = await show(core, token);
    assert.deepEqual(caller, CALLER);
    assert.notEqual(user, own.user.id);
    // The clocks' tolerance is part of what is promised.
    assert.equal(expiresAt, clock.now() + 330_000);
    assert.equal((await show(core, token)).session, session);
    assert.equal(provider.fetches, 1);
    assert.equal(clock.sleeping, 0);
  }));

Deno.test("authenticate() takes no provider's token where there is no provider", () =>
  withProvider(async ({ isolate, provider }) => {
    const token = await provider.token("42");
    await assert.rejects(
      show(isolate({ provider: null }), token),
      unauthenticated,
    );
    assert.equal(provider.fetches, 0);
  }));

Deno.test("authenticate() takes every algorithm of public keys, whatever access tokens are called", () =>
  withProvider(async ({ core, provider, clock }) => {
    for (const alg of ["RS256", "PS256", "ES384", "EdDSA"]) {
      await clock.advance(MINUTE);
      const key = await provider.addKey(alg, alg);
      for (const typ of [undefined, "JWT", "at+jwt", "application/at+jwt"]) {
        const header = typ === undefined ? {} : { typ };
        await show(core, await provider.token("42", {}, header, key));
      }
    }
  }));

Deno.test("authenticate() takes one of several audiences", () =>
  withProvider(async ({ core, provider }) => {
    await show(core, await provider.token("42", { aud: ["other", "chat"] }));
  }));

Deno.test("authenticate() refuses every other token that says it is the provider's", () =>
  withProvider(async ({ core, provider, clock, store }) => {
    await show(core, await provider.token("good"));
    const before = (await store.list(["identity"])).length;
    const now = clock.now() / 1000;
    const stranger = new FakeProvider(clock);
    const stolenName = await stranger.addKey("first");
    const unknown = await stranger.addKey("unknown", "ES384");
    // What no text can be made of, though a hint in the log wants one.
    const textless = { toString: null, valueOf: null };
    const published = base64url.decode(provider.keys[0]!.publicJwk.x!);
    const hmac = (alg: string) =>
      new SignJWT({ iss: ISSUER, aud: "chat", sub: "1" })
        .setProtectedHeader({ alg, kid: "first" })
        .setIssuedAt(now).setExpirationTime(now + 300).sign(published);
    const encode = (part: unknown) => base64url.encode(JSON.stringify(part));
    const good = await provider.token("1");
    const [head, body, signature] = good.split(".");
    const claims = JSON.parse(
      new TextDecoder().decode(base64url.decode(body!)),
    );

    const forged: Record<string, string> = {
      "without a signature": `${encode({ alg: "none" })}.${body}.`,
      "with its signature cut off": `${head}.${body}.`,
      "with another's signature": (await provider.token("2"))
        .replace(/[^.]+$/, signature!),
      "with a changed claim": `${head}.${
        encode({ ...claims, sub: "admin" })
      }.${signature}`,
      "signed with the published key as a secret": await hmac("HS256"),
      "signed by a stranger under a known name": await provider.token(
        "1",
        {},
        {},
        stolenName,
      ),
      "bringing its own key": await provider.token("1", {}, {
        jwk: stolenName.publicJwk,
      }, stolenName),
      "for another audience": await provider.token("1", { aud: "mail" }),
      "for an audience that is no text": await provider.token("1", {
        aud: [textless],
      }),
      "from an issuer that is no text": await provider.token("1", {
        iss: textless,
      }),
      "by a key whose name is no text": await provider.token("1", {}, {
        kid: textless,
      }, unknown),
      "for no audience": await provider.token("1", { aud: undefined }),
      "from another issuer": await provider.token("1", {
        iss: ISSUER.slice(0, -1),
      }),
      "of nobody": await provider.token("", {}),
      "without a subject": await provider.token("1", { sub: undefined }),
      "of a subject that is a number": await provider.token("1", { sub: 1 }),
      "of an endless subject": await provider.token("x".repeat(256)),
      "of half a character": await provider.token("\ud800"),
      "without an end": await provider.token("1", { exp: undefined }),
      "without a beginning": await provider.token("1", { iat: undefined }),
      "not valid yet": await provider.token("1", { nbf: now + 31 }),
      "from the future": await provider.token("1", { iat: now + 31 }),
      "of a session that is no text": await provider.token("1", { sid: 7 }),
      "bound to a key": await provider.token("1", { cnf: { jkt: "x" } }),
      "a logout token": await provider.token("1", {}, { typ: "logout+jwt" }),
      "the news of an event": await provider.token("1", { events: {} }),
      "too long": await provider.token("1", { roles: "x".repeat(4096) }),
    };
    for (const [what, token] of Object.entries(forged)) {
      await assert.rejects(
        show(core, token),
        (error) => error instanceof Refused && error.code === "unauthenticated",
        what,
      );
    }
    assert.equal((await store.list(["identity"])).length, before);
  }));

Deno.test("why a token was refused is told to whoever sets the provider up, and to nobody for a good one or our own", () =>
  withProvider(async ({ core, provider, clock, isolate }) => {
    const { accessToken } = await signUpAs(core, "ada");
    await show(core, accessToken);
    await show(core, await provider.token("42"));
    await assert.rejects(show(isolate({ issuer: "other" }), accessToken));
    provider.refusals.length = 0;
    await assert.rejects(show(core, `${accessToken}x`));
    assert.equal(provider.refusals.length, 0);

    const stranger = new FakeProvider(clock);
    const lost = await stranger.addKey("lost");
    const stolenName = await stranger.addKey("first");
    const past = clock.now() / 1000 - 60;
    const cases: [string, RegExp][] = [
      [
        await provider.token("1", { iss: ISSUER.slice(0, -1) }),
        /iss is not ISSUER.* https:\/\/id\.example\.com$/,
      ],
      [
        await provider.token("1", { aud: ["mail", "shop"] }),
        /aud is not AUDIENCE.* \["mail","shop"\]$/,
      ],
      [await provider.token("1", { exp: past }), /expired/],
      [await provider.token("1", { nbf: past + 120 }), /nbf is .*not valid/],
      [await provider.token("1", { sub: undefined }), /sub is missing/],
      [await provider.token("1", {}, { typ: "logout+jwt" }), /typ or claims/],
      [await provider.token("1", {}, {}, lost), /JWKS_URL .* lost ES256$/],
      [await provider.token("1", {}, {}, stolenName), /signature/],
      [await provider.token("1", { roles: "x".repeat(4096) }), /4096/],
    ];
    for (const [token, reason] of cases) {
      provider.refusals.length = 0;
      const refused = assert.rejects(show(core, token));
      await clock.advance(3_000);
      await refused;
      assert.equal(provider.refusals.length, 1, String(reason));
      assert.match(provider.refusals[0]!, reason);
      const [, , signature] = token.split(".");
      assert.ok(!provider.refusals[0]!.includes(signature!));
    }
  }));

Deno.test("authenticate() tells an expired token of the provider's from a bad one, after a small tolerance", () =>
  withProvider(async ({ core, provider, clock, isolate }) => {
    const token = await provider.token("42");
    const seconds = (ms: number) => Math.floor((clock.now() + ms) / 1000);
    await show(core, token);
    await clock.advance(329_000);
    await show(core, token);
    await show(isolate(), token);
    await clock.advance(1_000);
    for (const each of [core, isolate()]) {
      await assert.rejects(show(each, token), refuses("token_expired"));
    }
    await show(core, await provider.token("42", { nbf: seconds(29_000) }));
  }));

Deno.test("authenticate() believes a token that lives for years for a day at a time", () =>
  withProvider(async ({ core, provider, clock }) => {
    const exp = clock.now() / 1000 + 10 * 365 * 24 * 3600;
    const token = await provider.token("42", { exp });
    assert.equal((await show(core, token)).expiresAt, clock.now() + 24 * HOUR);
    await clock.advance(24 * HOUR);
    assert.equal((await show(core, token)).expiresAt, clock.now() + 24 * HOUR);
  }));

Deno.test("ProviderKeys finds a new key at once, and asks for unknown ones every three seconds at most", () =>
  withProvider(async ({ core, provider, clock }) => {
    await show(core, await provider.token("1"));
    await clock.advance(MINUTE);
    await provider.addKey("second");
    await show(core, await provider.token("1"));
    assert.equal(provider.fetches, 2);

    // Made up, many at once: they wait for one fetch together, and so does who has a key just made.
    await clock.advance(1);
    const stranger = new FakeProvider(clock);
    const forged: string[] = [];
    for (const kid of ["a", "b", "c"]) {
      const key = await stranger.addKey(kid);
      forged.push(await stranger.token("1", {}, {}, key));
    }
    await provider.addKey("third");
    const genuine = await provider.token("1");
    const known = await provider.token("2", {}, {}, provider.keys[0]);
    const shown = Promise.all([
      ...forged.map((token) =>
        assert.rejects(show(core, token), unauthenticated)
      ),
      show(core, genuine),
    ]);
    while (clock.sleeping === 0) await new Promise((done) => setTimeout(done));
    // Nobody whose key is known waits meanwhile.
    await show(core, known);
    assert.equal(provider.fetches, 2);
    await clock.advance(3_000);
    await shown;
    assert.equal(provider.fetches, 3);
  }));

Deno.test("ProviderKeys asks again where an answer may be older than the key", () =>
  withProvider(async ({ core, provider, clock }) => {
    await show(core, await provider.token("1"));
    await clock.advance(MINUTE);
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const old = provider.keys.map((key) => key.publicJwk);
    provider.answer = async () => {
      await held;
      return Response.json({ keys: old });
    };
    const made = await new FakeProvider(clock).addKey("made up");
    const first = assert.rejects(
      show(core, await provider.token("1", {}, {}, made)),
      unauthenticated,
    );
    while (provider.fetches < 2) await new Promise((done) => setTimeout(done));
    await clock.advance(1);
    await provider.addKey("second");
    const second = show(core, await provider.token("1"));
    provider.comeBack();
    release();
    await first;
    while (clock.sleeping === 0) await new Promise((done) => setTimeout(done));
    await clock.advance(3_000);
    await second;
    assert.equal(provider.fetches, 3);
  }));

Deno.test("ProviderKeys goes on with its keys through an outage, for a day", () =>
  withProvider(async ({ core, provider, clock }) => {
    await show(core, await provider.token("1"));
    const lost = await new FakeProvider(clock).addKey("lost");
    provider.goDown();
    for (let hour = 0; hour < 23; hour++) {
      await clock.advance(HOUR);
      await show(core, await provider.token("1"));
    }
    assert.equal(provider.fetches, 24);
    assert.equal(provider.faults.length, 23);
    assert.match(provider.faults[0]!, /could not be fetched: connection ref/);

    // Whether a key is new or made up, nobody can tell now.
    await clock.advance(MINUTE);
    await assert.rejects(
      show(core, await provider.token("1", {}, {}, lost)),
      unavailable,
    );
    await clock.advance(HOUR);
    await assert.rejects(show(core, await provider.token("1")), unavailable);
    provider.comeBack();
    await clock.advance(3_000);
    await show(core, await provider.token("1"));
  }));

Deno.test("ProviderKeys trusts a key that was taken back for ten minutes, whoever showed a token before", () =>
  withProvider(async ({ core, provider, clock }) => {
    const token = await provider.token("1", { exp: clock.now() / 1000 + 7200 });
    await show(core, token);
    await provider.addKey("second");
    provider.keys.shift();
    await clock.advance(10 * MINUTE - 1);
    await show(core, token);
    await clock.advance(1);
    await assert.rejects(show(core, token), unauthenticated);
  }));

const later = (response: Response) => () => Promise.resolve(response);

/** Answers in place of the one with these keys. */
const BROKEN: Record<string, (keys: unknown[]) => () => Promise<Response>> = {
  "is not there": () => () => Promise.reject(new TypeError("refused")),
  "answers with an error": (keys) =>
    later(Response.json({ keys }, { status: 500 })),
  "redirects": (keys) => later(Response.json({ keys }, { status: 302 })),
  "answers with no JSON": () => later(new Response("<html>")),
  "answers with something else": (keys) => later(Response.json(keys)),
  "answers with no keys": () => later(Response.json({ keys: [] })),
  "answers with far too much": (keys) =>
    later(Response.json({ keys, padding: "x".repeat(128 * 1024) })),
};

for (const [what, answer] of Object.entries(BROKEN)) {
  Deno.test(`a token waits for better times where the provider ${what}`, () =>
    withProvider(async ({ core, provider, clock }) => {
      provider.answer = answer(provider.keys.map((key) => key.publicJwk));
      const token = await provider.token("1");
      await assert.rejects(show(core, token), unavailable);
      // At once, without asking again.
      await assert.rejects(show(core, token), unavailable);
      assert.equal(provider.fetches, 1);
      assert.equal(provider.faults.length, 1);
      provider.comeBack();
      await clock.advance(3_000);
      await show(core, token);
    }));
}

Deno.test("a token waits five seconds at most for a provider that never answers", () =>
  withProvider(async ({ core, provider, clock }) => {
    provider.answer = (signal) =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    const token = await provider.token("1");
    const refused = assert.rejects(show(core, token), unavailable);
    await clock.advance(5_000);
    await refused;
    assert.match(provider.faults[0]!, /no answer in time/);
    assert.equal(clock.sleeping, 0);
  }));
