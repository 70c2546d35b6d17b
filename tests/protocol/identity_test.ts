// A chat whose people sign in at the owner's own identity provider: a real one, in a process beside it.
import assert from "node:assert/strict";
import type { JWK } from "jose";
import { FakeClock } from "../fake_clock.ts";
import {
  Browser,
  machineToken,
  makeKey,
  type Oidc,
  startOidc,
} from "./oidc.ts";
import { type Person, type Serve, type Served, served, test } from "./world.ts";

const MINUTE = 60_000;

interface Setting {
  readonly issuer: string;
  readonly clock: FakeClock;
  /** Stops the provider and, where there are keys, starts it again with these. */
  restart(...keys: JWK[]): Promise<void>;
  /** Runs a server that accepts the provider's tokens, on the same clock. */
  serve(act: (server: Served) => Promise<void>): Promise<void>;
}

/** Runs a test with a provider that signs with this key. */
async function withOidc(
  served: Serve,
  key: JWK,
  act: (setting: Setting) => Promise<void>,
) {
  let oidc: Oidc = await startOidc([key]);
  const { issuer } = oidc;
  const clock = new FakeClock(Date.now());
  const env = {
    ISSUER: issuer,
    AUDIENCE: "chat",
    JWKS_URL: `${issuer}/jwks`,
  };
  try {
    await act({
      issuer,
      clock,
      serve: (act) => served(act, { env, clock }),
      async restart(...keys) {
        await oidc.stop();
        if (keys.length > 0) oidc = await startOidc(keys, issuer);
      },
    });
  } finally {
    await oidc.stop();
  }
}

function bearer(token: string): Person {
  return { id: "", username: "", token, refreshToken: "" };
}

/** What the server answers when this token asks who it is. */
async function whoIs(server: Served, token: string) {
  return await server.ask(bearer(token), "GET", "/users/me");
}

test("who signed in at the owner's provider chats with whoever registered here", async (served) => {
  await withOidc(
    served,
    await makeKey("one"),
    ({ issuer, serve }) =>
      serve(async (server) => {
        const shop = new Browser(issuer);
        const token = await shop.signIn("zoe");
        const { status, body: zoe } = await whoIs(server, token);
        assert.deepEqual([status, zoe.username, zoe.displayName, zoe.email], [
          200,
          "zoe",
          "zoe of the shop",
          "zoe@shop.example",
        ]);

        const ada = await server.join("ada");
        const room = await server.group(ada, { ...ada, id: zoe.id });
        const socket = await server.connect(bearer(token));
        await server.ask(ada, "POST", `/rooms/${room}/messages`, {
          text: "hi",
        });
        const heard = await socket.until(({ type }) =>
          type === "message.created"
        );
        assert.equal(heard.data.text, "hi");
        await socket.command("message.send", { room, text: "hello" });

        // The browser is still signed in there: another token of the same session renews the socket.
        const next = await shop.signIn("zoe");
        assert.notEqual(next, token);
        await socket.command("auth.refresh", { token: next });
        // Another browser is another session, of the same user.
        const other = await new Browser(issuer).signIn("zoe");
        assert.equal((await whoIs(server, other)).body.id, zoe.id);
        const elsewhere = await socket.ask("auth.refresh", { token: other });
        assert.equal(elsewhere.error?.code, "forbidden");

        const sessions = await server.ask(
          bearer(other),
          "GET",
          "/auth/sessions",
        );
        assert.deepEqual(
          sessions.body.items.map(({ current }: { current: boolean }) =>
            current
          )
            .sort(),
          [false, true],
        );
        const ended = sessions.body.items.find(
          ({ current }: { current: boolean }) => !current,
        );
        await server.ask(bearer(other), "DELETE", `/auth/sessions/${ended.id}`);
        assert.equal((await socket.closed).code, 4401);
        for (const void_ of [token, next, await shop.signIn("zoe")]) {
          assert.equal((await whoIs(server, void_)).status, 401);
        }
        assert.equal((await whoIs(server, other)).status, 200);
      }),
  );
});

Deno.test("a program with a token of its own at the owner's provider is a user, too", async () => {
  await withOidc(
    served,
    await makeKey("one"),
    ({ issuer, serve }) =>
      serve(async (server) => {
        const first = await whoIs(server, await machineToken(issuer));
        const second = await whoIs(server, await machineToken(issuer));
        assert.equal(first.status, 200);
        assert.equal(second.body.id, first.body.id);
        assert.match(first.body.username, /^user-/);
      }),
  );
});

test("a deleted user of the owner's provider is nobody here, however often it signs in", async (served) => {
  await withOidc(
    served,
    await makeKey("one"),
    ({ issuer, serve }) =>
      serve(async (server) => {
        const token = await new Browser(issuer).signIn("zoe");
        const socket = await server.connect(bearer(token));
        await server.ask(bearer(token), "DELETE", "/users/me");
        assert.equal((await socket.closed).code, 4401);
        const again = await new Browser(issuer).signIn("zoe");
        for (const each of [token, again]) {
          // What needs no profile, so that nothing but the token can be refused.
          const { status, body } = await server.ask(
            bearer(each),
            "GET",
            "/auth/sessions",
          );
          assert.deepEqual([status, body.code], [401, "unauthenticated"]);
        }
      }),
  );
});

test("tokens are taken while the provider's keys change and while it is away", async (served) => {
  const [one, two, three] = await Promise.all(
    ["one", "two", "three"].map(makeKey),
  );
  await withOidc(served, one!, async ({ issuer, clock, serve, restart }) => {
    const signIn = () => new Browser(issuer).signIn("zoe");
    const spare = [await signIn(), await signIn(), await signIn()];
    await serve(async (server) => {
      const status = async (token: string) =>
        (await whoIs(server, token)).status;
      assert.equal(await status(spare[0]!), 200);

      // A new key signs, the old one is still published.
      await restart(two!, one!);
      await clock.advance(3_000);
      assert.equal(await status(await signIn()), 200);
      assert.equal(await status(spare[1]!), 200);
      const late = await signIn();

      // Away: what was fetched is good for a while.
      await restart();
      await clock.advance(15 * MINUTE);
      assert.equal(await status(late), 200);
      assert.equal(await status(spare[2]!), 200);
      await server.connect(bearer(late));
      assert.ok(server.logged.length > 0);
      server.logged.length = 0;

      // Back, with another key: the old ones are good no more.
      await restart(three!);
      await clock.advance(3_000);
      assert.equal(await status(await signIn()), 200);
    });
  });
});

test("a server that never saw the provider's keys says so, and to try again", async (served) => {
  await withOidc(
    served,
    await makeKey("one"),
    async ({ issuer, clock, serve, restart }) => {
      const token = await new Browser(issuer).signIn("zoe");
      await restart();
      await serve(async (server) => {
        const { status, body } = await whoIs(server, token);
        assert.deepEqual([status, body.code, body.retryable], [
          503,
          "unavailable",
          true,
        ]);
        const socket = await server.open();
        const reply = await socket.ask("hello", { token });
        assert.equal(reply.error.code, "unavailable");
        assert.equal((await whoIs(server, await ownToken(server))).status, 200);
        server.logged.length = 0;

        await restart(await makeKey("two"));
        await clock.advance(3_000);
        const fresh = await new Browser(issuer).signIn("zoe");
        assert.equal((await whoIs(server, fresh)).status, 200);
      });
    },
  );
});

/** Whoever registered here does not need the provider. */
async function ownToken(server: Served): Promise<string> {
  return (await server.join("ada")).token;
}
