// Sockets of services: opened with a key for themselves or for a user, and closed when that is no more.
import assert from "node:assert/strict";
import { deleteMe } from "../../kv/accounts/deletion.ts";
import { revokeKey } from "../../kv/accounts/key_operations.ts";
import { makeKey } from "../../kv/accounts/new_key.ts";
import { appoint } from "../../kv/accounts/admins.ts";
import type { LiveProfile } from "../../kv/accounts/profiles.ts";
import { ServiceKeys } from "../../kv/accounts/service_keys.ts";
import { setSuspended } from "../../kv/accounts/suspension.ts";
import { authenticate } from "../../kv/accounts/verify.ts";
import type { Core } from "../../kv/core.ts";
import { keys } from "../../kv/keys.ts";
import { Feed } from "../../kv/log/feed.ts";
import { type Scope, scope } from "../../kv/scopes.ts";
import type { Principal } from "../../kv/principal.ts";
import { CALLER } from "../accounts/world.ts";
import { FakeClock } from "../fake_clock.ts";
import { type Client, ReplyError } from "./client.ts";
import { saidBye } from "./endings.ts";
import { type Person, type Served, test } from "./world.ts";

interface Service {
  readonly key: string;
  readonly id: string;
  readonly account: string;
}

async function serviceOf(
  { core }: Served,
  scopes: readonly Scope[] = scope.options,
  expiresInSeconds?: number,
): Promise<Service> {
  const form = { name: "shop", scopes: [...scopes] };
  const { key, made } = await makeKey(
    core,
    expiresInSeconds === undefined ? form : { ...form, expiresInSeconds },
    null,
  );
  return { key, id: made.id, account: made.account };
}

/** Opens a socket by the upgrade's headers and says hello. */
async function open(
  server: Served,
  { key }: Service,
  actedFor?: string,
): Promise<Client> {
  const client = await server.open({
    headers: {
      Authorization: `Bearer ${key}`,
      ...(actedFor === undefined ? {} : { "Kvorum-User": actedFor }),
    },
  });
  await client.command("hello");
  return client;
}

const asPerson = ({ key, account }: Service): Person => ({
  id: account,
  username: "shop",
  token: key,
  refreshToken: "",
});

async function requireEnded(client: Client, session: string): Promise<void> {
  const { data } = await client.until(({ type }) => type === "session.ended");
  assert.equal(data.session, session);
  assert.equal((await client.closed).code, 4401);
}

test("a socket opened for a user hears and says what the user would; one without is the service's own", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    const service = await serviceOf(server);
    const asAda = await open(server, service, ada.id);
    const bobs = await server.connect(bob);
    const { seq } = await asAda.command("message.send", { room, text: "hi" });
    assert.equal((await bobs.event(room, seq)).data.sender, ada.id);
    assert.equal((await asAda.event(room, seq)).data.text, "hi");

    const own = await server.connect(asPerson(service));
    await assert.rejects(
      own.command("message.send", { room, text: "hi" }),
      ({ code }: ReplyError) => code === "not_found",
    );
    const made = await own.command("room.create", { type: "group" });
    assert.equal(made.role, "owner");
    await assert.rejects(
      own.command("session.endAll"),
      ({ code }: ReplyError) => code === "forbidden",
    );
    for (const token of [service.key, ada.token]) {
      for (const client of [own, asAda]) {
        await assert.rejects(
          client.command("auth.refresh", { token }),
          ({ code }: ReplyError) => code === "forbidden",
        );
      }
    }
    await own.settle();
    await asAda.settle();
  }));

test("a socket of a key that may read no profiles is told no e-mail address", (served) =>
  served(async (server) => {
    const { body } = await server.ask(null, "POST", "/auth/register", {
      username: "ada",
      password: "password of ada",
      email: "ada@example.org",
    });
    const ada = { ...body.user, token: body.accessToken, refreshToken: "" };
    for (const hidden of [true, false]) {
      const service = await serviceOf(
        server,
        hidden ? ["rooms", "messages", "act"] : scope.options,
      );
      const client = await server.open({
        headers: {
          Authorization: `Bearer ${service.key}`,
          "Kvorum-User": ada.id,
        },
      });
      const email = hidden ? undefined : "ada@example.org";
      const { user } = await client.command("hello");
      assert.deepEqual([user.username, user.email], ["ada", email]);
      const displayName = `Ada ${hidden}`;
      await server.ask(ada, "PATCH", "/users/me", { displayName });
      const told = await client.until(({ type }) => type === "user.updated");
      assert.deepEqual(
        [told.data.displayName, told.data.email],
        [displayName, email],
      );
      await client.settle();
    }
  }));

test("a revoked key's sockets are told and closed, whomever they act for, and no others", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    await appoint(server.core, bob.id);
    const [service, other] = [await serviceOf(server), await serviceOf(server)];
    const own = await server.connect(asPerson(service));
    const asAda = await open(server, service, ada.id);
    const stays = await open(server, other, ada.id);
    const silent = await server.open({
      headers: {
        Authorization: `Bearer ${service.key}`,
        "Kvorum-User": ada.id,
      },
    });
    const adas = await server.connect(ada);
    const { status } = await server.ask(
      bob,
      "DELETE",
      `/admin/keys/${service.id}`,
    );
    assert.equal(status, 204);
    await requireEnded(own, service.id);
    await requireEnded(asAda, service.id);
    await requireEnded(silent, service.id);
    await stays.settle();
    await adas.settle();
    await assert.rejects(open(server, service), /401/);
  }));

/** Another isolate on the same database, of whose accounts nothing but the service keys is asked for. */
function elsewhere({ core }: Served): Core {
  const { store, clock } = core;
  const serviceKeys = new ServiceKeys(store, clock);
  return {
    ...core,
    feed: new Feed(store, clock, "elsewhere"),
    accounts: Object.assign(Object.create(core.accounts), { serviceKeys }),
  };
}

const itself = ({ id }: Person): Principal => ({
  ...CALLER,
  user: id,
  session: "of-test",
  expiresAt: Infinity,
});

test("what happens to a key or a user in another isolate closes sockets here, and is believed here no longer", (served) =>
  served(async (server) => {
    const [ada, eve] = [await server.join("ada"), await server.join("eve")];
    await appoint(server.core, ada.id);
    const [first, second] = [await serviceOf(server), await serviceOf(server)];
    const asAda = await open(server, first, ada.id);
    const asEve = await open(server, second, eve.id);
    const ask = ({ key }: Service, user: string) =>
      server.ask(null, "GET", "/users/me", undefined, {
        Authorization: `Bearer ${key}`,
        "Kvorum-User": user,
      });
    assert.equal((await ask(first, ada.id)).status, 200);
    assert.equal((await ask(second, eve.id)).status, 200);

    const revoked = { key: first.id };
    await revokeKey.run(elsewhere(server), revoked, itself(ada));
    await requireEnded(asAda, first.id);
    assert.equal((await ask(first, ada.id)).status, 401);

    await deleteMe.run(elsewhere(server), {}, itself(eve));
    await requireEnded(asEve, second.id);
    assert.equal((await ask(second, eve.id)).status, 404);

    const bob = await server.join("bob");
    const asBob = await open(server, second, bob.id);
    const own = await server.connect(asPerson(second));
    assert.equal((await ask(second, bob.id)).status, 200);
    const suspend = (suspended: boolean) =>
      setSuspended.run(
        elsewhere(server),
        { userId: bob.id, suspended },
        itself(ada),
      );
    await suspend(true);
    await requireEnded(asBob, second.id);
    assert.equal((await ask(second, bob.id)).status, 403);
    await assert.rejects(open(server, second, bob.id), /403/);
    await own.settle();
    await suspend(false);
    await (await open(server, second, bob.id)).settle();
    // On a clock that stands still nothing is read again for its age.
  }, { clock: new FakeClock() }));

test("a key that was revoked, or a user deleted or suspended, between upgrade and hello gets no answer to hello", (served) =>
  served(async (server) => {
    const { store } = server.core;
    const ada = await server.join("ada");
    const key = (id: string) => keys.serviceKey(id);
    for (const gone of ["key", "suspended", "user"]) {
      const service = await serviceOf(server);
      // The first use is written down, and only then is the key believed.
      await authenticate(server.core, service.key, CALLER);
      const client = await server.open({
        headers: {
          Authorization: `Bearer ${service.key}`,
          "Kvorum-User": ada.id,
        },
      });
      const profile = await store.get<LiveProfile>(keys.profile(ada.id));
      // By a process whose commit is not heard of yet.
      await store.commit({
        checks: [],
        mutations: [
          gone === "key"
            ? { key: key(service.id), delete: true }
            : gone === "suspended"
            ? {
              key: keys.profile(ada.id),
              value: { ...profile.value, suspendedAt: 1 },
            }
            : { key: keys.profile(ada.id), delete: true },
        ],
      });
      const { error } = await client.ask("hello");
      assert.equal(error.code, "unauthenticated");
      assert.equal((await client.closed).code, 4401);
      // As before, for the next.
      await store.commit({
        checks: [],
        mutations: [{ key: keys.profile(ada.id), value: profile.value }],
      });
    }
  }, { clock: new FakeClock() }));

test("a socket that acts for a user ends when the user is deleted or suspended, before hello, too", (served) =>
  served(async (server) => {
    const bob = await server.join("bob");
    await appoint(server.core, bob.id);
    const service = await serviceOf(server);
    const own = await server.connect(asPerson(service));
    const ways = {
      deleted: (who: Person) => server.ask(who, "DELETE", "/users/me"),
      suspended: ({ id }: Person) =>
        server.ask(bob, "PATCH", `/admin/users/${id}`, { suspended: true }),
    };
    for (const [way, end] of Object.entries(ways)) {
      const user = await server.join(way);
      const headers = {
        Authorization: `Bearer ${service.key}`,
        "Kvorum-User": user.id,
      };
      const said = await open(server, service, user.id);
      const silent = await server.open({ headers });
      // A changed profile is no end.
      const displayName = "Somebody";
      await server.ask(user, "PATCH", "/users/me", { displayName });
      await silent.settle();
      await end(user);
      await requireEnded(said, service.id);
      await saidBye(silent, 4401, false);
      assert.equal(server.realtime.hub.of(user.id).size, 0, way);
      await own.settle();
      await assert.rejects(open(server, service, user.id), /40[34]/);
    }
    assert.equal(server.realtime.sockets, 1);
    // On a clock that stands still nobody is sent away for not saying hello.
  }, { clock: new FakeClock() }));

test("a socket needs what it hears: without the scopes it is refused and not to come back", (served) =>
  served(async (server) => {
    for (const lacking of ["rooms", "messages"] as const) {
      const rest = scope.options.filter((one) => one !== lacking);
      const { key } = await serviceOf(server, rest);
      const client = await server.open();
      const { error } = await client.ask("hello", { token: key });
      assert.equal(error.code, "forbidden");
      assert.match(error.message, new RegExp(lacking));
      const { data } = await client.until(({ type }) => type === "bye");
      assert.deepEqual(
        [data.code, data.reason, data.reconnect],
        [4403, "forbidden", false],
      );
      assert.equal((await client.closed).code, 4403);
    }
  }));

test("at the upgrade, too, Kvorum-User goes with a key only", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const service = await serviceOf(server);
    const weak = await serviceOf(server, ["rooms", "messages"]);
    const { body } = await server.ask(ada, "POST", "/auth/tickets");
    const acting = { "Kvorum-User": ada.id };
    const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
    const cases: [Record<string, string>, string, RegExp][] = [
      [acting, "", /403/],
      [{ ...bearer(ada.token), ...acting }, "", /403/],
      [acting, `?ticket=${body.ticket}`, /403/],
      [{ ...bearer(service.key), ...acting }, `?ticket=${body.ticket}`, /403/],
      [{ ...bearer(weak.key), ...acting }, "", /403/],
      [{ ...bearer(service.key), "Kvorum-User": "nobody" }, "", /404/],
      [{ ...bearer(service.key), "Kvorum-User": "no id!" }, "", /400/],
      [{ ...bearer(`${service.key}x`), ...acting }, "", /401/],
    ];
    for (const [headers, query, status] of cases) {
      await assert.rejects(server.open({ headers, query }), status);
    }
    // None of it was used up.
    await server.open({ query: `?ticket=${body.ticket}` });
    // What hello shows may not be another's than what the upgrade did.
    const client = await server.open({
      headers: { ...bearer(service.key), ...acting },
    });
    const { error } = await client.ask("hello", { token: service.key });
    assert.equal(error.code, "unauthenticated");
  }));

test("a key without an end keeps its socket, one with an end is told and closed", (served) => {
  const clock = new FakeClock();
  return served(async (server) => {
    const forever = await serviceOf(server);
    const brief = await serviceOf(server, scope.options, 10);
    const stays = await server.connect(asPerson(forever));
    const ends = await server.connect(asPerson(brief));
    await clock.advance(9_999);
    await ends.until(({ type }) => type === "auth.expiring");
    await clock.advance(1);
    assert.equal((await ends.closed).code, 4101);
    await stays.settle();
  }, { clock });
});
