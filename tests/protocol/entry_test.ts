// The way in: who one is, shown at the upgrade, by a ticket or in hello, and until when that holds.
import assert from "node:assert/strict";
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { LIMITS } from "../../kv/limits.ts";
import { createApp } from "../../routes/app.ts";
import { listen } from "../../routes/listen.ts";
import { upgradeNative } from "../../routes/upgrade_native.ts";
import { FakeClock } from "../fake_clock.ts";
import { type Client, unlessClosed } from "./client.ts";
import { saidBye, untilSockets } from "./endings.ts";
import { shakeHands } from "./handshake.ts";
import { holding } from "./held_store.ts";
import { type Person, type Served, test } from "./world.ts";

async function makeTicket(server: Served, who: Person): Promise<string> {
  const { status, body } = await server.ask(who, "POST", "/auth/tickets");
  assert.equal(status, 201);
  return body.ticket;
}

/** `hello` gets this error, and the socket is closed for it. */
async function turnedAway(
  client: Client,
  data: unknown,
  code: string,
  closing: number,
): Promise<void> {
  const reply = await client.ask("hello", data);
  assert.equal(reply.ok, false);
  assert.equal(reply.error.code, code);
  await saidBye(client, closing, closing < 4400);
}

test("a socket is authenticated by Authorization: Bearer at the upgrade", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const headers = { Authorization: `Bearer ${ada.token}` };
    const client = await server.open({ headers });
    const { user } = await client.command("hello");
    assert.equal(user.id, ada.id);
  }));

test("a socket is authenticated by ?ticket= at the upgrade, once", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const query = `?ticket=${await makeTicket(server, ada)}`;
    const client = await server.open({ query });
    assert.equal((await client.command("hello")).user.id, ada.id);
    const { status, problem } = await shakeHands(server.url, query);
    assert.deepEqual([status, problem.code], [401, "unauthenticated"]);
  }));

test("a socket is authenticated by the token in hello", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const client = await server.open();
    const { user, session } = await client.command("hello", {
      token: ada.token,
    });
    assert.equal(user.id, ada.id);
    const { body } = await server.ask(ada, "GET", "/auth/sessions");
    assert.equal(session, body.items[0].id);
  }));

test("who showed who they are at the upgrade may repeat it in hello, but not be somebody else there", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const headers = { Authorization: `Bearer ${ada.token}` };
    const same = await server.open({ headers });
    await same.command("hello", { token: ada.token });
    const other = await server.open({ headers });
    await turnedAway(other, { token: bob.token }, "unauthenticated", 4401);
  }));

/** Tokens that prove nothing, by what is wrong with them. */
async function badTokens(
  { core }: Served,
  { id, token, refreshToken }: Person,
): Promise<Record<string, string>> {
  const [header, payload, signature] = token.split(".");
  const claims = JSON.parse(atob(payload!));
  const { kid } = JSON.parse(atob(header!));
  const foreign = await generateKeyPair("EdDSA", { extractable: true });
  const { key } = await core.accounts.signingKeys.signer();
  const proper = { alg: "EdDSA", kid, typ: "at+jwt" };
  const forged = btoa(JSON.stringify({ ...claims, sub: "eve" }));
  return {
    garbage: "garbage",
    "a refresh token": refreshToken,
    "alg none": new UnsecuredJWT(claims).encode(),
    "no signature": `${header}.${payload}.`,
    "tampered claims": `${header}.${forged.replaceAll("=", "")}.${signature}`,
    "a foreign key under our kid": await new SignJWT(claims)
      .setProtectedHeader(proper).sign(foreign.privateKey),
    "a foreign key it brings along": await new SignJWT(claims)
      .setProtectedHeader({
        ...proper,
        jwk: await exportJWK(foreign.publicKey),
      })
      .sign(foreign.privateKey),
    "another user's session": await new SignJWT({ ...claims, sub: `${id}x` })
      .setProtectedHeader(proper).sign(key),
    "a session that never was": await new SignJWT({ ...claims, sid: "none" })
      .setProtectedHeader(proper).sign(key),
  };
}

test("a bad token is HTTP 401 at the upgrade, and an error reply, then 4401 in hello", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    for (
      const [name, token] of Object.entries(await badTokens(server, ada))
    ) {
      const { status, headers, problem } = await shakeHands(server.url, "", {
        Authorization: `Bearer ${token}`,
      });
      assert.deepEqual([status, problem.code], [401, "unauthenticated"], name);
      assert.equal(headers.get("www-authenticate"), "Bearer");
      await turnedAway(
        await server.open(),
        { token },
        "unauthenticated",
        4401,
      );
    }
    assert.equal(server.realtime.sockets, 0);
  }));

test("an Authorization that is no Bearer, and a bad ticket, are HTTP 401", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const ticket = await makeTicket(server, ada);
    for (
      const [query, headers] of [
        ["", { Authorization: "Basic YTpi" }],
        ["", { Authorization: "Bearer" }],
        ["", { Authorization: "" }],
        ["?ticket=", {}],
        ["?ticket=x", {}],
        [`?ticket=${ticket.slice(0, -1)}`, {}],
        [`?ticket=${ada.token}`, {}],
        // A good token beside it does not mend a bad ticket.
        ["?ticket=x", { Authorization: `Bearer ${ada.token}` }],
      ] as const
    ) {
      const { status, problem } = await shakeHands(server.url, query, headers);
      assert.deepEqual([status, problem.code], [401, "unauthenticated"], query);
    }
  }));

test("a ticket is good for 30 seconds, and only while its session lives", (served) => {
  const clock = new FakeClock();
  return served(async (server) => {
    const ada = await server.join("ada");
    const [late, orphaned, timely] = [
      await makeTicket(server, ada),
      await makeTicket(server, ada),
      await makeTicket(server, ada),
    ];
    await clock.advance(LIMITS.ticketMs - 1);
    const inTime = await shakeHands(server.url, `?ticket=${timely}`);
    assert.equal(inTime.status, 101);
    const { refreshToken } = ada;
    await server.ask(null, "POST", "/auth/logout", { refreshToken });
    const ended = await shakeHands(server.url, `?ticket=${orphaned}`);
    assert.equal(ended.status, 401);
    await clock.advance(1);
    const expired = await shakeHands(server.url, `?ticket=${late}`);
    assert.equal(expired.status, 401);
  }, { clock });
});

test("an expired token is token_expired at the upgrade, and then 4101 in hello", (served) => {
  const clock = new FakeClock();
  return served(async (server) => {
    const { token } = await server.join("ada");
    await clock.advance(40_000);
    const headers = { Authorization: `Bearer ${token}` };
    const { status, problem } = await shakeHands(server.url, "", headers);
    assert.deepEqual([status, problem.code], [401, "token_expired"]);
    await turnedAway(await server.open(), { token }, "token_expired", 4101);
  }, { clock, env: { ACCESS_TOKEN_SECONDS: "40" } });
});

test("hello must come within 5 s, within 60 s of who authenticated at the upgrade", (served) => {
  const clock = new FakeClock();
  return served(async (server) => {
    const ada = await server.join("ada");
    const headers = { Authorization: `Bearer ${ada.token}` };
    const strangers = [await server.open(), await server.open()];
    const known = [
      await server.open({ headers }),
      await server.open({ headers }),
    ];
    await clock.advance(4_999);
    await strangers[0]!.command("hello", { token: ada.token });
    await clock.advance(1);
    await saidBye(strangers[1]!, 4401, false);
    await clock.advance(54_999);
    await known[0]!.command("hello");
    await clock.advance(1);
    await saidBye(known[1]!, 4401, false);
    await strangers[0]!.settle();
    await known[0]!.settle();
    assert.equal(server.realtime.sockets, 2);
  }, { clock });
});

test("who said hello while the server slept or was blocked is not late; who goes on saying nothing is", (served) => {
  const clock = new FakeClock();
  return served(async (server) => {
    const ada = await server.join("ada");
    const [early, silent] = [await server.open(), await server.open()];
    await clock.advance(4_000);
    await clock.freeze(60_000);
    await early.command("hello", { token: ada.token });
    await clock.advance(1_000);
    await saidBye(silent, 4401, false);
    await early.settle();
  }, { clock });
});

test("a hello that came in time is answered, however long that takes", async (served) => {
  const [clock, store] = [new FakeClock(), await holding()];
  await served(async (server) => {
    const ada = await server.join("ada");
    const client = await server.open();
    const held = store.hold(({ key }) => key[0] === "session");
    const answer = unlessClosed(client.command("hello", { token: ada.token }));
    await held.reached;
    await clock.advance(6_000);
    await held.release();
    assert.ok(await answer);
  }, { clock, store });
});

test("before hello every command but ping is hello_required, and does nothing", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const headers = { Authorization: `Bearer ${ada.token}` };
    const client = await server.open({ headers });
    const room = await server.group(ada);
    for (
      const [type, data] of [
        ["message.send", { room, text: "hi" }],
        ["message.send", {}],
        ["room.subscribe", {}],
        ["room.subscribe", { room }],
        ["room.unsubscribe", { room }],
        ["room.history", { room }],
        ["resume", {}],
        ["auth.refresh", { token: ada.token }],
        ["user.delete", {}],
      ] as const
    ) {
      const { ok, error } = await client.ask(type, data);
      assert.deepEqual([ok, error?.code], [false, "hello_required"], type);
    }
    const { rooms } = await client.command("hello");
    assert.deepEqual([rooms[0].id, rooms[0].n], [room, 0]);
  }));

test("a second hello is refused and changes nothing", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const client = await server.connect(ada);
    const room = await server.group(ada);
    await client.until(({ type }) => type === "room.added");
    for (const { token } of [ada, bob]) {
      const { error } = await client.ask("hello", { token });
      assert.equal(error.code, "conflict");
    }
    const { seq } = await client.command("message.send", { room, text: "hi" });
    assert.equal((await client.event(room, seq)).data.sender, ada.id);
  }));

test("of two hellos at once one is taken", (served) =>
  served(async (server) => {
    const { token } = await server.join("ada");
    const client = await server.open();
    const replies = await Promise.all(
      [1, 2, 3].map(() => client.ask("hello", { token })),
    );
    assert.equal(replies.filter(({ ok }) => ok).length, 1);
    assert.equal(server.realtime.hub.sockets, 1);
  }));

test("the subprotocol kvorum.v1 is echoed, another one never", (served) =>
  served(async ({ url }) => {
    const echoed = async (offered: string | null) => {
      const headers: Record<string, string> = offered === null
        ? {}
        : { "Sec-WebSocket-Protocol": offered };
      const answer = await shakeHands(url, "", headers);
      assert.equal(answer.status, 101);
      return answer.headers.get("sec-websocket-protocol");
    };
    assert.equal(await echoed("kvorum.v1"), "kvorum.v1");
    assert.equal(await echoed("a-token, kvorum.v1"), "kvorum.v1");
    assert.equal(await echoed("kvorum.v2"), undefined);
    assert.equal(await echoed("a-token"), undefined);
    assert.equal(await echoed(null), undefined);
  }));

test("Origin must be the server's own or in ORIGINS, else HTTP 403; absent is fine", (served) =>
  served(async ({ url, told }) => {
    const statusOf = async (origin: string) =>
      (await shakeHands(url, "", { Origin: origin })).status;
    assert.equal(await statusOf(url), 101);
    assert.equal(await statusOf("https://chat.example.com"), 101);
    assert.equal((await shakeHands(url)).status, 101);
    for (
      const foreign of [
        "https://evil.example",
        "http://chat.example.com",
        "https://chat.example.com.evil.example",
        `${url}0`,
        "null",
        "",
      ]
    ) assert.equal(await statusOf(foreign), 403, foreign);
    const { problem } = await shakeHands(url, "", { Origin: "null" });
    assert.equal(problem.code, "forbidden");
    assert.match(problem.detail, /ORIGINS/);
    // Once in a while, and for whoever made the settings.
    const [refused, ...more] = told;
    assert.equal(refused?.event, "origin.refused");
    assert.match(String(refused.fields?.reason), /ORIGINS/);
    assert.equal(refused.fields?.origin, "https://evil.example");
    assert.deepEqual(more, []);
  }, { env: { ORIGINS: "https://chat.example.com" } }));

test("with PUBLIC_URL that is the server's own origin, whatever Host says", (served) =>
  served(async ({ core, realtime, transport }) => {
    const publicUrl = "https://chat.example.com";
    const [host, port] = ["127.0.0.1", 0];
    const settings = { publicUrl, origins: [], host, port };
    // Another one beside it, whose address is not what it says.
    const app = createApp({
      core,
      journal: { error: (event) => assert.fail(event) },
      ready: () => true,
      sockets: upgradeNative(realtime, settings),
    });
    const front = await listen(transport, app, realtime, settings);
    const url = `http://${host}:${front.port}`;
    const statusOf = async (origin: string) =>
      (await shakeHands(url, "", { Origin: origin })).status;
    assert.equal(await statusOf(publicUrl), 101);
    assert.equal(await statusOf(url), 403);
    await front.close(0);
  }));

test("an upgrade elsewhere is 404", (served) =>
  served(async ({ url }) => {
    for (const path of ["/ws", "/nothing", "wsx", "ws/x"]) {
      const { status, problem } = await shakeHands(url, path);
      assert.deepEqual([status, problem.code], [404, "not_found"], path);
    }
  }));

test("what is no handshake is a problem document, like every refusal", (served) =>
  served(async ({ url }) => {
    const faults: Record<string, string>[] = [
      { "Sec-WebSocket-Key": "short" },
      { "Sec-WebSocket-Version": "12" },
      { "Sec-WebSocket-Protocol": "a b" },
      { "Sec-WebSocket-Protocol": "a, a" },
      { "Sec-WebSocket-Protocol": "" },
    ];
    for (const headers of faults) {
      const { status, problem } = await shakeHands(url, "", headers);
      assert.deepEqual([status, problem?.code], [400, "invalid"]);
    }
    const { status } = await shakeHands(url, "", {
      "Sec-WebSocket-Protocol": "a,kvorum.v1 ,b",
    });
    assert.equal(status, 101);
  }));

test("a request that offers another protocol is answered as if it did not", (served) =>
  served(async ({ url }) => {
    // As Java's client and `curl --http2` do with every request.
    const { status, problem } = await shakeHands(url, "users/me", {
      Upgrade: "h2c",
      Connection: "Upgrade, HTTP2-Settings",
    });
    assert.deepEqual([status, problem.code], [401, "unauthenticated"]);
  }));

test("auth.expiring is told before the token runs out; then 4101", (served) => {
  const clock = new FakeClock();
  const env = { ACCESS_TOKEN_SECONDS: "40" };
  return served(async (server) => {
    const ada = await server.join("ada");
    const client = await server.connect(ada);
    await clock.advance(19_999);
    await client.settle();
    assert.equal(client.frames.at(-1).type, "reply");
    await clock.advance(1);
    const { data } = await client.until(({ type }) => type === "auth.expiring");
    assert.equal(Date.parse(data.expiresAt), clock.now() + 20_000);
    await clock.advance(19_999);
    await client.settle();
    await clock.advance(1);
    await saidBye(client, 4101, true);
    assert.equal(server.realtime.hub.sockets, 0);
  }, { clock, env });
});

test("auth.refresh renews in place", (served) => {
  const clock = new FakeClock();
  const env = { ACCESS_TOKEN_SECONDS: "40" };
  return served(async (server) => {
    const ada = await server.join("ada");
    const client = await server.connect(ada);
    await clock.advance(30_000);
    const { refreshToken } = ada;
    const { body } = await server.ask(null, "POST", "/auth/refresh", {
      refreshToken,
    });
    const { expiresAt } = await client.command("auth.refresh", {
      token: body.accessToken,
    });
    assert.equal(Date.parse(expiresAt), clock.now() + 40_000);
    await clock.advance(39_999);
    await client.settle();
    await clock.advance(1);
    await saidBye(client, 4101, true);
    const told = client.frames.filter(({ type }) => type === "auth.expiring");
    assert.equal(told.length, 2, "once for each token");
  }, { clock, env });
});

test("auth.refresh takes no bad, no expired and nobody else's token, and leaves the old one", (served) => {
  const clock = new FakeClock();
  const env = { ACCESS_TOKEN_SECONDS: "40" };
  return served(async (server) => {
    const ada = await server.join("ada");
    await clock.advance(10_000);
    const bob = await server.join("bob");
    const { body } = await server.ask(null, "POST", "/auth/login", {
      login: "ada",
      password: "password of ada",
    });
    const client = await server.connect({ ...ada, token: body.accessToken });
    await clock.advance(30_000);
    const refused = async (token: string) =>
      (await client.ask("auth.refresh", { token })).error.code;
    assert.equal(await refused(ada.token), "token_expired");
    assert.equal(await refused("x"), "unauthenticated");
    assert.equal(await refused(bob.token), "forbidden");
    const { body: other } = await server.ask(null, "POST", "/auth/login", {
      login: "ada",
      password: "password of ada",
    });
    assert.equal(await refused(other.accessToken), "forbidden");
    await clock.advance(9_999);
    await client.settle();
    await clock.advance(1);
    await saidBye(client, 4101, true);
  }, { clock, env });
});

test("a user may hold as many sockets as limits says, at least 20; others are not concerned", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    assert.ok(LIMITS.socketsPerUser >= 20);
    const clients = [];
    for (let count = 0; count < LIMITS.socketsPerUser; count++) {
      clients.push(await server.connect(ada));
    }
    const { limits } = clients[0]!.frames[0].data;
    assert.equal(limits.socketsPerUser, LIMITS.socketsPerUser);
    const { token } = ada;
    const late = await server.open();
    await turnedAway(late, { token }, "rate_limited", 4029);
    const [refused, bye] = late.frames;
    assert.equal(refused.error.retryAfterMs, 50_000);
    assert.equal(bye.data.afterMs, 50_000);
    await server.connect(bob);
    await clients[0]!.terminate();
    await untilSockets(server, LIMITS.socketsPerUser);
    await server.connect(ada);
  }));

test("commands sent right behind hello wait for its answer", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    const client = await server.open();
    const replies = await Promise.all([
      client.ask("hello", { token: ada.token }),
      client.ask("message.send", { room, text: "hi" }),
    ]);
    assert.deepEqual(replies.map(({ ok }) => ok), [true, true]);
    assert.equal(client.frames[0].id, replies[0].id);
  }));
