// Access tokens and their signing keys: what is let in, what is forged, what rotates.
import assert from "node:assert/strict";
import { generateKeyPair, jwtVerify, SignJWT, UnsecuredJWT } from "jose";
import { createLocalJWKSet, exportJWK } from "jose";
import { authenticate } from "../../kv/accounts/verify.ts";
import { keys } from "../../kv/keys.ts";
import { CALLER, inWorld, refuses, signUp, signUpAs } from "./world.ts";

const DAY = 24 * 3600_000;
const unauthenticated = refuses("unauthenticated");

Deno.test("authenticate() makes a principal of an access token", () =>
  inWorld(async ({ core, clock, isolate }) => {
    const { user, accessToken, principal } = await signUpAs(core, "ada");
    assert.deepEqual(principal, {
      ...CALLER,
      user: user.id,
      session: principal.session,
      expiresAt: clock.now() + 900_000,
    });
    assert.deepEqual(
      await authenticate(isolate(), accessToken, CALLER),
      principal,
    );
  }));

Deno.test("authenticate() tells an expired token from a bad one, also one it knows", () =>
  inWorld(async ({ core, clock, isolate }) => {
    const { accessToken } = await signUpAs(core, "ada");
    await clock.advance(899_000);
    await authenticate(core, accessToken, CALLER);
    await clock.advance(1_000);
    for (const each of [core, isolate()]) {
      await assert.rejects(
        authenticate(each, accessToken, CALLER),
        refuses("token_expired"),
      );
    }
  }));

Deno.test("authenticate() refuses every forged token", () =>
  inWorld(async ({ core, clock }) => {
    const { user, accessToken, refreshToken, principal } = await signUpAs(
      core,
      "ada",
    );
    const [header = "", payload = "", signature = ""] = accessToken.split(".");
    const signer = await core.accounts.signingKeys.signer();
    const foreign = await generateKeyPair("Ed25519");
    const now = Math.floor(clock.now() / 1000);
    const claims = {
      iss: "https://kvorum.test",
      aud: "kvorum",
      sub: user.id,
      sid: principal.session,
      iat: now,
      exp: now + 900,
    };
    const { kid } = signer;
    const proper = { alg: "EdDSA", kid, typ: "at+jwt" };
    const sign = (changed: Partial<typeof claims>, changedHeader = {}) =>
      new SignJWT({ ...claims, ...changed })
        .setProtectedHeader({ ...proper, ...changedHeader }).sign(signer.key);
    const encode = (value: unknown) =>
      new TextEncoder().encode(JSON.stringify(value))
        .toBase64({ alphabet: "base64url", omitPadding: true });
    const bySecret = (await exportJWK(foreign.publicKey)).x!;
    const { sid: _, ...withoutSession } = claims;
    const { exp: _exp, ...withoutExpiry } = claims;

    // What is made here is right but for what is changed.
    await authenticate(core, await sign({}), CALLER);
    const forged: Record<string, string> = {
      empty: "",
      garbage: "garbage",
      dots: "..",
      "a refresh token": refreshToken,
      "alg none": new UnsecuredJWT(claims).encode(),
      "alg none with our kid": `${
        encode({ ...proper, alg: "none" })
      }.${payload}.`,
      "no signature": `${header}.${payload}.`,
      "another payload": `${header}.${
        encode({ ...claims, sub: "eve" })
      }.${signature}`,
      "another header": `${
        encode({ ...proper, jku: "https://evil.test" })
      }.${payload}.${signature}`,
      "a foreign key under our kid": await new SignJWT(claims)
        .setProtectedHeader(proper).sign(foreign.privateKey),
      "a foreign key of its own": await new SignJWT(claims).setProtectedHeader({
        ...proper,
        kid: "foreign",
        jwk: await exportJWK(foreign.publicKey),
      }).sign(foreign.privateKey),
      "the public key as HMAC secret": await new SignJWT(claims)
        .setProtectedHeader({ ...proper, alg: "HS256" })
        .sign(new TextEncoder().encode(bySecret)),
      "no kid": await sign({}, { kid: undefined }),
      "another typ": await sign({}, { typ: "JWT" }),
      "another issuer": await sign({ iss: "https://evil.test" }),
      "another audience": await sign({ aud: "other" }),
      "another user's session": await sign({ sub: "eve" }),
      "an unknown session": await sign({ sid: "unknown" }),
      "no session": await new SignJWT(withoutSession)
        .setProtectedHeader(proper).sign(signer.key),
      "no expiry": await new SignJWT(withoutExpiry)
        .setProtectedHeader(proper).sign(signer.key),
      "far too long": "a".repeat(100_000),
      "not ASCII": "é.😀.\u0000",
    };
    for (const [name, token] of Object.entries(forged)) {
      await assert.rejects(
        authenticate(core, token, CALLER),
        unauthenticated,
        name,
      );
    }
  }));

Deno.test("authenticate() knows a key another isolate made since, and reads for unknown ones once a second", () =>
  inWorld(async ({ core, clock, store, isolate }) => {
    let lists = 0;
    const counting = {
      ...store,
      list: <T>(...asked: Parameters<typeof store.list>) => {
        lists++;
        return store.list<T>(...asked);
      },
    };
    const other = isolate({ store: counting });
    await other.accounts.signingKeys.publicSet();
    await clock.advance(31 * DAY);
    const { accessToken } = await signUp(core, "ada");
    await authenticate(other, accessToken, CALLER);

    lists = 0;
    for (let i = 0; i < 10; i++) {
      await other.accounts.signingKeys.getVerifier(`unknown${i}`);
    }
    assert.equal(lists, 0);
    await clock.advance(1000);
    await Promise.all(
      [1, 2, 3].map(() => other.accounts.signingKeys.getVerifier("unknown")),
    );
    assert.equal(lists, 1);
  }));

Deno.test("SigningKeys makes one key, however many isolates start at once", () =>
  inWorld(async ({ core, store, isolate }) => {
    const isolates = [core, isolate(), isolate(), isolate()];
    const signers = await Promise.all(
      isolates.map(({ accounts }) => accounts.signingKeys.signer()),
    );
    assert.equal(new Set(signers.map((signer) => signer.kid)).size, 1);
    assert.equal((await store.list(keys.signingKeys())).length, 1);
  }));

Deno.test("SigningKeys signs by a new key after 30 days and verifies by the old one as long as its tokens live", () =>
  inWorld(async ({ core, clock }) => {
    const { signingKeys } = core.accounts;
    const old = await signingKeys.signer();
    await clock.advance(30 * DAY - 1);
    assert.equal((await signingKeys.signer()).kid, old.kid);
    const { accessToken } = await signUp(core, "ada");
    await clock.advance(1);
    const young = await signingKeys.signer();
    assert.notEqual(young.kid, old.kid);
    await authenticate(core, accessToken, CALLER);
    assert.deepEqual(
      (await signingKeys.publicSet()).keys.map(({ kid }) => kid).sort(),
      [old.kid, young.kid].sort(),
    );

    await clock.advance(2 * DAY);
    assert.equal(await signingKeys.getVerifier(old.kid), null);
    assert.deepEqual(
      (await signingKeys.publicSet()).keys.map(({ kid }) => kid),
      [young.kid],
    );
  }));

Deno.test("publicSet() lets anybody verify our tokens and shows nothing private", () =>
  inWorld(async ({ core, clock }) => {
    const { accessToken, user } = await signUp(core, "ada");
    const set = await core.accounts.signingKeys.publicSet();
    const { payload } = await jwtVerify(accessToken, createLocalJWKSet(set), {
      currentDate: new Date(clock.now()),
    });
    assert.equal(payload.sub, user.id);
    for (const key of set.keys) {
      assert.deepEqual(
        Object.keys(key).sort(),
        ["alg", "crv", "kid", "kty", "use", "x"],
      );
    }
  }));

Deno.test("SigningKeys stores no private key in clear", () =>
  inWorld(async ({ core, store }) => {
    await core.accounts.signingKeys.signer();
    const rows = await store.list(keys.signingKeys());
    assert.doesNotMatch(JSON.stringify(rows), /"d":/);
  }));

Deno.test("SigningKeys verifies by keys of a former SECRET and signs by a new one", () =>
  inWorld(async ({ core, isolate }) => {
    const { accessToken } = await signUp(core, "ada");
    const changed = isolate({ secret: new Uint8Array(32).fill(9) });
    await authenticate(changed, accessToken, CALLER);
    assert.equal(await changed.accounts.signingKeys.areLocked(), true);
    const { kid } = await changed.accounts.signingKeys.signer();
    assert.equal(await changed.accounts.signingKeys.areLocked(), false);
    assert.notEqual(kid, (await core.accounts.signingKeys.signer()).kid);
    assert.equal(
      (await changed.accounts.signingKeys.publicSet()).keys.length,
      2,
    );
  }));
