// What the backends that Kvorum replaces got wrong: each line of that list, and that it is right here.
import assert from "node:assert/strict";
import { keys } from "../kv/keys.ts";
import { RATES } from "../kv/rates.ts";
import { assertNothingSecret } from "./accounts/world.ts";
import type { Frame } from "./protocol/client.ts";
import { saidBye } from "./protocol/endings.ts";
import { onAnotherDevice, range, say } from "./protocol/people.ts";
import {
  type Answer,
  type Person,
  type Served,
  served,
  test,
} from "./protocol/world.ts";
import { FakeClock } from "./fake_clock.ts";

function refused({ status, body }: Answer, code: string): void {
  assert.ok(status >= 400, `${status}`);
  assert.equal(body.code, code);
}

function logIn(server: Served, login: unknown, password: unknown) {
  return server.ask(null, "POST", "/auth/login", { login, password });
}

async function people(
  server: Served,
): Promise<{ ada: Person; bob: Person; eve: Person; room: string }> {
  const [ada, bob, eve] = [
    await server.join("ada"),
    await server.join("bob"),
    await server.join("eve"),
  ];
  return { ada, bob, eve, room: await server.group(ada, bob) };
}

Deno.test("“User lists, search and sign-up replies that contain password hashes or one-time codes.”", () =>
  served(async (server) => {
    const signUp = await server.ask(null, "POST", "/auth/register", {
      username: "mallory",
      password: "password of mallory",
      email: "mallory@example.com",
    });
    assert.equal(signUp.status, 201);
    const { ada, bob } = await people(server);
    const answers = [
      signUp,
      await logIn(server, "mallory", "password of mallory"),
      await server.ask(ada, "GET", "/users?q=m"),
      await server.ask(ada, "GET", `/users/${bob.id}`),
      await server.ask(ada, "GET", `/users/${signUp.body.user.id}`),
      await server.ask(ada, "GET", "/users/me"),
      await server.ask(ada, "GET", "/auth/sessions"),
    ];
    for (const { body } of answers) assertNothingSecret(body);
    // Nor anybody else's address; and no field but those of the documents, which `ask` sees to.
    for (const { body } of answers.slice(2, 5)) {
      assert.ok(!JSON.stringify(body).includes("example.com"));
    }
    assert.equal(answers[2]!.body.items[0].username, "mallory");
  }));

Deno.test("“A non-member reads, posts to, or deletes another's room and messages; a non-admin renames a group and removes its admin; any user deletes any account.”", () =>
  served(async (server) => {
    const { ada, bob, eve, room } = await people(server);
    await say(server, ada, room, "hi");
    const { body } = await server.ask(ada, "GET", `/rooms/${room}/messages`);
    const message = `/rooms/${room}/messages/${body.items[0].id}`;
    const before = await server.core.store.list(keys.room(room));
    for (
      const [method, path, json] of [
        ["GET", `/rooms/${room}`],
        ["GET", `/rooms/${room}/messages`],
        ["GET", `/rooms/${room}/members`],
        ["GET", message],
        ["POST", `/rooms/${room}/messages`, { text: "hi" }],
        ["PATCH", message, { text: "x" }],
        ["DELETE", message],
        ["DELETE", `/rooms/${room}`],
        ["PATCH", `/rooms/${room}`, { name: "x" }],
        ["POST", `/rooms/${room}/members`, { userId: eve.id }],
        ["DELETE", `/rooms/${room}/members/${ada.id}`],
      ] as const
    ) refused(await server.ask(eve, method, path, json), "not_found");
    for (
      const [method, path, json] of [
        ["PATCH", `/rooms/${room}`, { name: "x" }],
        ["DELETE", `/rooms/${room}/members/${ada.id}`],
        ["PATCH", `/rooms/${room}/members/${bob.id}`, { role: "owner" }],
        ["DELETE", `/rooms/${room}`],
        ["PATCH", message, { text: "x" }],
        ["DELETE", message],
      ] as const
    ) refused(await server.ask(bob, method, path, json), "forbidden");
    assert.deepEqual(await server.core.store.list(keys.room(room)), before);
    // Nobody's account but one's own has an address to delete it at.
    refused(
      await server.ask(eve, "DELETE", `/users/${ada.id}`),
      "method_not_allowed",
    );
    assert.equal((await server.ask(eve, "DELETE", "/users/me")).status, 204);
    assert.equal((await server.ask(ada, "GET", "/users/me")).status, 200);
  }));

Deno.test("“A profile update that stores the password in plain text.”", () =>
  served(async (server) => {
    const ada = await server.join("ada");
    const { status } = await server.ask(ada, "PATCH", "/users/me", {
      displayName: "Ada L.",
      password: "a plain new password",
    });
    assert.equal(status, 200);
    const rows = JSON.stringify(await server.core.store.list([]));
    assert.ok(rows.includes("Ada L."));
    assert.ok(!rows.includes("a plain new password"));
    assert.ok(!rows.includes("password of ada"));
    assert.equal((await logIn(server, "ada", "password of ada")).status, 200);
    refused(
      await logIn(server, "ada", "a plain new password"),
      "unauthenticated",
    );
  }));

Deno.test("“Log-in with an operator object in place of a string; a search text of ( that answers 500.”", () =>
  served(async (server) => {
    const ada = await server.join("ada");
    for (
      const operator of [{ $gt: "" }, { $ne: null }, ["ada"], { length: 3 }]
    ) {
      refused(await logIn(server, operator, "password of ada"), "invalid");
      refused(await logIn(server, "ada", operator), "invalid");
      refused(await logIn(server, operator, operator), "invalid");
    }
    for (
      const text of ["(", "[", "*", "\\", "a(", ".*", "%", "$", "'", "\u0000"]
    ) {
      const path = `/users?q=${encodeURIComponent(text)}`;
      const { status } = await server.ask(ada, "GET", path);
      assert.ok(status === 200 || status === 400, `${text}: ${status}`);
    }
    const { body } = await server.ask(ada, "GET", "/users?q=.*");
    assert.deepEqual(body.items, []);
  }));

test("“Sockets without authentication; the sender, user or room owner taken from the payload; eavesdropping by announcing someone else's id; a spoofed ‘user left’.”", (served) =>
  served(async (server) => {
    const { ada, bob, eve, room } = await people(server);
    const stranger = await server.open();
    const { error } = await stranger.ask("message.send", { room, text: "hi" });
    assert.equal(error.code, "hello_required");

    const [b, e] = [await server.connect(bob), await server.connect(eve)];
    const forged = { sender: ada.id, user: ada.id, userId: ada.id, by: ada.id };
    const sent = await b.command("message.send", {
      room,
      text: "hi",
      ...forged,
    });
    assert.equal((await b.event(room, sent.seq)).data.sender, bob.id);
    const mine = await e.command("room.create", {
      type: "group",
      owner: ada.id,
      ...forged,
    });
    assert.equal(mine.role, "owner");
    const { items } = await e.command("member.list", { room: mine.id });
    assert.deepEqual(items.map(({ user }: Frame) => user.id), [eve.id]);

    const other = await server.open();
    await other.command("hello", { token: eve.token, ...forged, id: ada.id });
    for (const type of ["setup", "join", "user.online", "member.left"]) {
      const reply = await e.ask(type, { room, ...forged });
      assert.equal(reply.error.code, "unknown_command");
    }
    const left = await e.ask("room.leave", { room, ...forged });
    assert.equal(left.error.code, "not_found");
    const [secret] = await say(server, ada, room, "secret");
    await b.event(room, secret!);
    await Promise.all([e.settle(), other.settle()]);
    assert.deepEqual([...e.events(room), ...other.events(room)], []);
    assert.ok(b.frames.every(({ type }) => type !== "member.left"));
  }));

test("“A process that dies from an empty payload, a null message, a garbage token, or a failing SMTP server.”", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const a = await server.connect(ada);
    const eve = await server.open();
    for (const text of ["", "null", "{}", '{"type":"hello","data":null}']) {
      eve.send(text);
    }
    eve.socket.send(new Uint8Array());
    await eve.settle();
    const hello = await eve.ask("hello", { token: "garbage" });
    assert.equal(hello.error.code, "unauthenticated");
    await saidBye(eve, 4401, false);
    const { ok } = await a.ask("message.send", { room: null, text: null });
    assert.equal(ok, false);
    const garbage = { ...ada, token: "garbage" };
    refused(await server.ask(garbage, "GET", "/users/me"), "unauthenticated");
    for (const json of [null, "", [], {}]) {
      refused(
        await server.ask(null, "POST", "/auth/register", json),
        "invalid",
      );
    }
    await a.settle();
    // No mail is sent yet: nothing that a mail server could break has an address.
    const forgot = await server.ask(null, "POST", "/auth/password/forgot");
    refused(forgot, "not_found");
  }));

test("“Connecting doesn't join the user's rooms; events sent right after connecting are lost because handlers attach late; a socket without a token hangs for ever.”", (served) => {
  const clock = new FakeClock();
  return served(async (server) => {
    const { ada, bob, room } = await people(server);
    for (let round = 0; round < 20; round++) {
      const client = await server.open();
      const hello = client.command("hello", { token: bob.token });
      const during = say(server, ada, room, "during");
      const { rooms } = await hello;
      assert.deepEqual(rooms.map(({ id }: Frame) => id), [room]);
      const [first] = await during;
      const { seq } = await client.command("message.send", {
        room,
        text: "hi",
      });
      if (first! > rooms[0].seq) await client.event(room, first!);
      await client.event(room, seq);
      await client.terminate();
    }
    const silent = await server.open();
    await clock.advance(5_000);
    await saidBye(silent, 4401, false);
  }, { clock });
});

test("“The second device silences the first; closing one of two tabs shows the person offline.”", (served) =>
  served(async (server) => {
    const { ada, bob, room } = await people(server);
    const first = await server.connect(bob);
    const second = await server.connect(await onAnotherDevice(server, bob));
    const tab = await server.connect(bob);
    const a = await server.connect(ada);
    const heard = async (...clients: (typeof first)[]) => {
      const [seq] = await say(server, ada, room, "hi");
      for (const client of clients) await client.event(room, seq!);
    };
    await heard(first, second, tab);
    await tab.terminate();
    await second.terminate();
    await heard(first);
    // Presence is not there yet: nothing is said of who comes or goes.
    await a.settle();
    assert.ok(a.frames.every(({ type }) => type !== "presence"));
    assert.equal((await a.ask("presence.set")).error.code, "unknown_command");
  }));

Deno.test("“Refresh tokens that work after log-out; a refresh call that needs a body on GET.”", () =>
  served(async (server) => {
    const { refreshToken } = await server.join("ada");
    const ask = (method: string, path: string) =>
      server.ask(null, method, `/auth/${path}`, { refreshToken });
    const { status, body } = await ask("POST", "refresh");
    assert.equal(status, 200);
    await ask("POST", "logout");
    refused(await ask("POST", "refresh"), "unauthenticated");
    refused(
      await server.ask(null, "POST", "/auth/refresh", {
        refreshToken: body.refreshToken,
      }),
      "unauthenticated",
    );
    refused(
      await server.ask(null, "GET", "/auth/refresh"),
      "method_not_allowed",
    );
  }));

test("“javascript: accepted as an image address.”", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const a = await server.connect(ada);
    for (
      const avatar of [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example/x.png",
        "x.png",
        "https://",
      ]
    ) {
      refused(
        await server.ask(ada, "PATCH", "/users/me", { avatar }),
        "invalid",
      );
      const { error } = await a.ask("user.update", { avatar });
      assert.equal(error.code, "invalid", avatar);
    }
    const avatar = "https://example.com/ada.png";
    const { body } = await server.ask(ada, "PATCH", "/users/me", { avatar });
    assert.equal(body.avatar, avatar);
  }));

Deno.test("“History without paging, or paged by time stamp alone so that messages of the same millisecond are skipped; messages as one growing array in one document.”", () =>
  served(async (server) => {
    const { ada, bob, room } = await people(server);
    // The clock stands still: all of one millisecond.
    const sent = await say(server, ada, room, ..."m".repeat(250));
    const read: number[] = [];
    let hasMore = true;
    while (hasMore) {
      const after = read.at(-1) ?? 0;
      const { body } = await server.ask(
        bob,
        "GET",
        `/rooms/${room}/messages?after=${after}&limit=7`,
      );
      assert.ok(body.items.length <= 7);
      assert.equal(new Set(body.items.map(({ at }: Frame) => at)).size, 1);
      read.push(...body.items.map(({ seq }: Frame) => seq));
      hasMore = body.hasMore;
    }
    assert.deepEqual(read, sent);
    const rows = await server.core.store.list(keys.messages(room));
    assert.equal(rows.length, 250);
  }, { clock: new FakeClock() }));

Deno.test("“The creator leaving deletes the room; no way to add members to a private room.”", () =>
  served(async (server) => {
    const { ada, bob, eve, room } = await people(server);
    await say(server, ada, room, "hi");
    assert.equal(
      (await server.ask(ada, "POST", `/rooms/${room}/leave`)).status,
      204,
    );
    const { body } = await server.ask(bob, "GET", `/rooms/${room}/messages`);
    assert.equal(body.items[0].text, "hi");
    const members = async () =>
      (await server.ask(bob, "GET", `/rooms/${room}/members`)).body.items
        .map(({ user, role }: Frame) => [user.id, role]);
    assert.deepEqual(await members(), [[bob.id, "owner"]]);
    const { status } = await server.ask(bob, "POST", `/rooms/${room}/members`, {
      userId: eve.id,
    });
    assert.equal(status, 201);
    assert.equal((await members()).length, 2);
  }));

test("“Phone lookup that decrypts every user; whole user records sent along with every chat.”", (served) =>
  served(async (server) => {
    const { ada, bob, room } = await people(server);
    const { body } = await server.ask(ada, "GET", `/rooms/${room}/members`);
    for (const { user } of body.items) {
      assert.deepEqual(Object.keys(user).sort(), [
        "displayName",
        "id",
        "username",
      ]);
    }
    const { body: direct } = await server.ask(ada, "POST", "/rooms", {
      type: "direct",
      members: [bob.id],
    });
    assert.deepEqual(Object.keys(direct.peer).sort(), [
      "createdAt",
      "displayName",
      "id",
      "username",
    ]);
    const [seq] = await say(server, bob, room, "hi");
    const a = await server.connect(ada, { resume: {} });
    const { rooms } = a.frames[0].data;
    const { lastMessage } = rooms.find(({ id }: Frame) => id === room);
    assert.deepEqual([lastMessage.seq, lastMessage.sender], [seq, bob.id]);
    // There are no phone numbers, and nothing to look them up by: a field of that name is ignored.
    const { body: me } = await server.ask(ada, "PATCH", "/users/me", {
      phone: "+15550100",
    });
    assert.ok(!("phone" in me));
    const found = await server.ask(ada, "GET", "/users?phone=%2B15550100");
    assert.ok(found.status === 400 || found.body.items.length === 0);
  }));

Deno.test("“A global limit of five requests a minute for everybody together.”", () =>
  served(async (server) => {
    const { ada, bob } = await people(server);
    // One who asks too much is refused, whoever else asks is not: limits are counted by user.
    let answer = await server.ask(ada, "GET", "/users/me");
    for (let count = 1; answer.status === 200; count++) {
      assert.ok(count <= RATES.requests.burst);
      answer = await server.ask(ada, "GET", "/users/me");
    }
    refused(answer, "rate_limited");
    for (const _ of range(1, 50)) {
      assert.equal((await server.ask(bob, "GET", "/users/me")).status, 200);
    }
  }, { clock: new FakeClock(), env: { RATE_SCALE: "1" } }));

test("“Presence, socket maps and receipts kept in one process, wrong as soon as there are two.”", (served) =>
  served(async (server) => {
    const { ada, bob, room } = await people(server);
    const [first, second] = await say(server, bob, room, "1", "2");
    await server.ask(ada, "PUT", `/rooms/${room}/receipts`, { seq: first });
    // A second server on the same database knows what the first was told, and hears what it is told next.
    await served(async (other) => {
      const a = await other.connect(ada);
      const [listed] = a.frames[0].data.rooms;
      assert.deepEqual([listed.read, listed.unread], [first, 1]);
      const [third] = await say(server, bob, room, "3");
      await a.event(room, third!);
      await server.ask(ada, "PUT", `/rooms/${room}/receipts`, { seq: second });
      await a.until(({ type, data }) =>
        type === "receipt.read" && data.seq === second
      );
      const { refreshToken } = ada;
      await server.ask(null, "POST", "/auth/logout", { refreshToken });
      await saidBye(a, 4401, false);
    }, {
      store: { ...server.core.store, close() {} },
      env: { SECRET: SECRET },
    });
  }, { env: { SECRET: SECRET } }));

const SECRET = crypto.getRandomValues(new Uint8Array(32)).toBase64();

test("“Errors as HTML stack traces; error handler mounted before the routes.”", (served) =>
  served(async (server) => {
    const { ada } = await people(server);
    const room = await server.group(ada);
    for (
      const [method, path, init] of [
        ["GET", "/api/v1/nothing", {}],
        ["GET", "/nothing", {}],
        ["PUT", "/api/v1/rooms", {}],
        ["POST", "/api/v1/auth/login", { body: "{" }],
        ["POST", "/api/v1/auth/login", { body: "<x>" }],
        ["GET", "/api/v1/users/me", {}],
        ["GET", `/api/v1/rooms/${room}`, { headers: { Accept: "text/html" } }],
        ["GET", "/api/v1/rooms/%zz", {}],
      ] as [string, string, RequestInit][]
    ) {
      const response = await fetch(`${server.url}${path}`, {
        method,
        ...init,
        headers: { "Content-Type": "application/json", ...init.headers },
      });
      const text = await response.text();
      assert.equal(
        response.headers.get("content-type"),
        "application/problem+json",
        `${method} ${path}`,
      );
      assert.ok(JSON.parse(text).code);
      assert.doesNotMatch(text, /<html|node_modules|\.ts:\d|\bat /);
    }
    // A fault of our own says nothing of itself either, by REST and by socket, and is logged.
    const a = await server.connect(ada);
    const { logs } = server.core;
    const change = logs.change.bind(logs);
    logs.change = () => Promise.reject(new Error("secret detail"));
    const text = "hi";
    const { body } = await server.ask(ada, "POST", `/rooms/${room}/messages`, {
      text,
    });
    const { error } = await a.ask("message.send", { room, text });
    logs.change = change;
    for (const shown of [body, error]) {
      assert.equal(shown.code, "internal");
      assert.ok(!JSON.stringify(shown).includes("secret detail"));
    }
    const faults = server.logged.splice(0);
    assert.equal(faults.length, 2);
    assert.ok(JSON.stringify(faults).includes("secret detail"));
    await a.command("message.send", { room, text });
  }));
