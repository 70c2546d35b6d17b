// Several sockets of one user: what each is told of the user, and how the end of a session ends its sockets.
import assert from "node:assert/strict";
import { appoint } from "../../kv/accounts/admins.ts";
import { SessionCache } from "../../kv/accounts/session_cache.ts";
import { endAllSessions } from "../../kv/accounts/session_operations.ts";
import { setSuspended } from "../../kv/accounts/suspension.ts";
import { updateMe } from "../../kv/accounts/users.ts";
import { authenticate } from "../../kv/accounts/verify.ts";
import type { Core } from "../../kv/core.ts";
import { keys } from "../../kv/keys.ts";
import { Feed } from "../../kv/log/feed.ts";
import { CALLER } from "../accounts/world.ts";
import { FakeClock } from "../fake_clock.ts";
import type { Client } from "./client.ts";
import { saidBye, untilSockets } from "./endings.ts";
import { doAs, onAnotherDevice, say } from "./people.ts";
import { type Person, type Served, test } from "./world.ts";

/** `session.ended`, `bye`, 4401: and the server has nothing of it any more. */
async function endsWithSession(client: Client): Promise<void> {
  await saidBye(client, 4401, false);
  assert.equal(client.frames.at(-2).type, "session.ended");
  assert.equal(
    client.frames.at(-2).data.session,
    client.frames[0].data.session,
  );
}

/** Another isolate on the same database, that believes sessions by itself. */
function elsewhere({ core }: Served): Core {
  return {
    ...core,
    feed: new Feed(core.store, core.clock, "elsewhere"),
    accounts: Object.assign(Object.create(core.accounts), {
      sessions: new SessionCache(core.store, core.clock),
    }),
  };
}

test("ending a session closes its sockets at once, those of other sessions stay", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const phone = await onAnotherDevice(server, ada);
    const stays = await server.connect(phone);
    const room = await server.group(bob, ada);
    const ways: Record<
      string,
      (who: Person, session: string) => Promise<unknown>
    > = {
      "by another device": (_, session) =>
        server.ask(phone, "DELETE", `/auth/sessions/${session}`),
      "by itself": (who, session) =>
        server.ask(who, "DELETE", `/auth/sessions/${session}`),
      "by logging out": ({ refreshToken }) =>
        server.ask(null, "POST", "/auth/logout", { refreshToken }),
      "by a command of another device": (_, session) =>
        stays.command("session.end", { session }),
    };
    for (const [way, end] of Object.entries(ways)) {
      const laptop = await onAnotherDevice(server, ada);
      const sockets = [
        await server.connect(laptop),
        await server.connect(laptop, { batch: true }),
      ];
      await end(laptop, sockets[0]!.frames[0].data.session);
      assert.equal(server.realtime.hub.of(ada.id).size, 1, way);
      await say(server, bob, room, "secret");
      for (const socket of sockets) {
        await endsWithSession(socket);
        assert.deepEqual(socket.events(room), [], way);
      }
      await stays.settle();
    }
  }));

test("a session that is ended in another isolate ends its sockets here, and is believed here no longer", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const client = await server.connect(ada);
    const who = async () => (await server.ask(ada, "GET", "/users/me")).status;
    assert.equal(await who(), 200);
    const principal = await authenticate(server.core, ada.token, CALLER);
    await endAllSessions.run(elsewhere(server), {}, principal);
    await endsWithSession(client);
    assert.equal(await who(), 401);
    // On a clock that stands still nothing is read again for its age.
  }, { clock: new FakeClock() }));

test("suspending a user closes all their sockets at once, in another isolate, too; others see no change", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(bob, ada);
    const shown = (await server.ask(bob, "GET", `/users/${ada.id}`)).body;
    const sockets = [
      await server.connect(ada),
      await server.connect(await onAnotherDevice(server, ada)),
    ];
    const silent = await server.open({
      headers: { Authorization: `Bearer ${ada.token}` },
    });
    const stays = await server.connect(bob);
    const who = async () => (await server.ask(ada, "GET", "/users/me")).status;
    assert.equal(await who(), 200);
    await appoint(server.core, bob.id);
    const principal = await authenticate(server.core, bob.token, CALLER);
    const input = { userId: ada.id, suspended: true };
    await setSuspended.run(elsewhere(server), input, principal);
    for (const socket of sockets) await endsWithSession(socket);
    assert.equal((await silent.closed).code, 4401);
    assert.equal(await who(), 401);
    const login = { login: ada.username, password: `password of ada` };
    const refused = await server.ask(null, "POST", "/auth/login", login);
    assert.deepEqual([refused.status, refused.body.code], [403, "forbidden"]);
    // Of the room's story nothing has changed.
    assert.deepEqual(
      (await server.ask(bob, "GET", `/users/${ada.id}`)).body,
      shown,
    );
    await say(server, bob, room, "still here");
    await stays.settle();
    // On a clock that stands still nothing is read again for its age.
  }, { clock: new FakeClock() }));

test("ending all one's sessions closes all one's sockets at once, the asking one after its reply", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const asking = await server.connect(ada);
    const other = await server.connect(await onAnotherDevice(server, ada));
    await asking.command("session.endAll");
    await endsWithSession(asking);
    assert.equal(server.realtime.hub.of(ada.id).size, 0);
    await endsWithSession(other);
    assert.equal((await server.ask(ada, "GET", "/users/me")).status, 401);
  }));

test("deleting a user closes all its sockets at once", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    const sockets = [
      await server.connect(ada),
      await server.connect(await onAnotherDevice(server, ada)),
    ];
    const silent = await server.open({
      headers: { Authorization: `Bearer ${ada.token}` },
    });
    const b = await server.connect(bob);
    assert.equal((await server.ask(ada, "DELETE", "/users/me")).status, 204);
    assert.equal(server.realtime.hub.of(ada.id).size, 0);
    for (const socket of sockets) await endsWithSession(socket);
    await saidBye(silent, 4401, false);
    const { error } = await b.ask("member.add", { room, userId: ada.id });
    assert.ok(error);
    assert.equal(server.realtime.sockets, 1);
  }));

test("a spent refresh token that comes back ends the session, its sockets too", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const client = await server.connect(ada);
    const refresh = (refreshToken: string) =>
      server.ask(null, "POST", "/auth/refresh", { refreshToken });
    const { body } = await refresh(ada.refreshToken);
    await refresh(body.refreshToken);
    assert.equal((await refresh(ada.refreshToken)).status, 401);
    await endsWithSession(client);
  }));

test("a socket that was authenticated at the upgrade ends with its session, before hello too", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const opened = async ({ token }: Person) =>
      await server.open({ headers: { Authorization: `Bearer ${token}` } });
    const client = await opened(ada);
    const other = await opened(await onAnotherDevice(server, ada));
    const { body } = await server.ask(ada, "GET", "/auth/sessions");
    const { id: session } = body.items.find((
      { current }: { current: boolean },
    ) => current);
    const { refreshToken } = ada;
    await server.ask(null, "POST", "/auth/logout", { refreshToken });
    await saidBye(client, 4401, false);
    const [ended, ...more] = client.frames.map(({ data }) => data);
    assert.deepEqual(ended, { session });
    assert.equal(more.length, 1);
    await other.command("hello");
    assert.equal(server.realtime.hub.of(ada.id).size, 1);
    assert.equal(server.realtime.sockets, 1);
  }));

test("a session that ends between the upgrade's check and the socket's opening ends it too", (served) => {
  const clock = new FakeClock();
  return served(async ({ core, realtime, ...server }) => {
    const ada = await server.join("ada");
    const { body } = await server.ask(ada, "GET", "/auth/sessions");
    const key = keys.session(body.items[0].id);
    // The check believes what it knows; that it ended is told while nobody listens.
    await core.store.commit({ checks: [], mutations: [{ key, delete: true }] });
    const attend = realtime.attend.bind(realtime);
    realtime.attend = (caller, shown) => (port) => {
      core.accounts.sessions.forget(body.items[0].id);
      return attend(caller, shown)(port);
    };
    const headers = { Authorization: `Bearer ${ada.token}` };
    await saidBye(await server.open({ headers }), 4401, false);
    assert.equal(realtime.sockets, 0);
  }, { clock });
});

test("a changed profile comes to one's own devices whole, to those one shares a room with as others see it, to nobody else", (served) =>
  served(async (server) => {
    const [ada, bob, eve] = [
      await server.join("ada"),
      await server.join("bob"),
      await server.join("eve"),
    ];
    await server.group(ada, bob);
    await server.group(eve);
    const own = [
      await server.connect(ada),
      await server.connect(await onAnotherDevice(server, ada)),
    ];
    const [b, e] = [await server.connect(bob), await server.connect(eve)];
    await doAs(server, ada, updateMe, { displayName: "Ada L." });
    const isNews = (frame: { type: string; data: { displayName?: string } }) =>
      frame.type === "user.updated" && frame.data.displayName === "Ada L.";
    const { body: me } = await server.ask(ada, "GET", "/users/me");
    for (const client of own) {
      assert.deepEqual((await client.until(isNews)).data, me);
    }
    const { body: seen } = await server.ask(bob, "GET", `/users/${ada.id}`);
    assert.deepEqual((await b.until(isNews)).data, seen);
    await e.settle();
    assert.ok(!e.frames.some(isNews));
  }));

test("one's own read mark comes to one's other devices, to nobody else", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    const [first, second] = await say(server, bob, room, "1", "2");
    const [phone, laptop, b] = [
      await server.connect(ada),
      await server.connect(await onAnotherDevice(server, ada)),
      await server.connect(bob),
    ];
    await phone.command("receipt.read", { room, seq: first });
    const { data } = await laptop.until(({ type }) => type === "receipt.read");
    assert.deepEqual(data, { user: ada.id, seq: first, n: 1 });
    await server.ask(ada, "PUT", `/rooms/${room}/receipts`, { seq: second });
    await laptop.until(({ type, data }) =>
      type === "receipt.read" && data.seq === second
    );
    await b.settle();
    assert.ok(!b.frames.some(({ type }) => type === "receipt.read"));
  }));

test("a second device does not silence the first, nor does its going", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada, bob);
    const first = await server.connect(ada);
    const second = await server.connect(await onAnotherDevice(server, ada));
    const third = await server.connect(ada);
    const heard = async (...clients: Client[]) => {
      const [seq] = await say(server, bob, room, "hi");
      for (const client of clients) await client.event(room, seq!);
    };
    await heard(first, second, third);
    await third.terminate();
    await heard(first, second);
    await second.terminate();
    await heard(first);
    await first.command("message.send", { room, text: "still here" });
  }));

test("closing one's socket in a friendly way leaves nothing behind", (served) =>
  served(async (server: Served) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    const client = await server.connect(ada);
    client.socket.close(1000, "bye");
    assert.equal((await client.closed).code, 1000);
    const { realtime } = server;
    await untilSockets(server, 0);
    assert.equal(realtime.hub.sockets, 0);
    assert.equal(realtime.hub.topic(room), undefined);
    assert.equal(realtime.heartbeat.size, 0);
  }));
