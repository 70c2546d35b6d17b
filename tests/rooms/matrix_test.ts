// Who may do what: every operation by everybody, in every type of room. The table below is written from the wire
// contract alone, not from the policy; an operation that is not in it fails the test.
import assert from "node:assert/strict";
import * as z from "zod";
import { appoint } from "../../kv/accounts/admins.ts";
import { makeKey } from "../../kv/accounts/new_key.ts";
import { OPERATIONS } from "../../kv/operations.ts";
import { createInvite } from "../../kv/rooms/invites.ts";
import { createRoom } from "../../kv/rooms/create.ts";
import {
  addToRoom,
  changeMember,
  removeFromRoom,
} from "../../kv/rooms/members.ts";
import type { Principal } from "../../kv/principal.ts";
import { scope } from "../../kv/scopes.ts";
import type { Role, RoomType } from "../../kv/shapes.ts";
import { run, type SignedIn, signUpAs } from "../accounts/world.ts";
import { headOf, roomOf, say } from "../log/world.ts";
import { toRequest } from "../routes/request.ts";
import { type Answer, type AppWorld, inApp } from "../routes/world.ts";

/**
 * `yes` is done, `quiet` is done without an event, `same` is answered and changes nothing, `no` is forbidden, `404` is the answer for what does not
 * exist, `401` wants signing in, `-` is nobody who could be. In a direct room there are two people and no roles.
 */
const IN_A_ROOM = `
                        owner  admin  member guest  strang removed nobody
room.get        group   same   same   same   same   404    404     401
room.get        channel same   same   same   same   same   same    401
room.get        direct  -      -      same   -      404    -       401
room.update     group   yes    yes    no     no     404    404     401
room.update     channel yes    yes    no     no     no     no      401
room.update     direct  -      -      no     -      404    -       401
room.delete     group   yes    no     no     no     404    404     401
room.delete     channel yes    no     no     no     no     no      401
room.delete     direct  -      -      no     -      404    -       401
room.join       group   same   same   same   same   404    404     401
room.join       channel same   same   same   same   yes    yes     401
room.join       direct  -      -      no     -      404    -       401
room.leave      group   yes    yes    yes    yes    404    404     401
room.leave      channel yes    yes    yes    yes    no     no      401
room.leave      direct  -      -      no     -      404    -       401
member.list     group   same   same   same   same   404    404     401
member.list     channel same   same   same   same   same   same    401
member.list     direct  -      -      same   -      404    -       401
member.add      group   yes    yes    yes    no     404    404     401
member.add      channel yes    yes    yes    no     no     no      401
member.add      direct  -      -      no     -      404    -       401
member.update   group   yes    yes    no     no     404    404     401
member.update   channel yes    yes    no     no     no     no      401
member.update   direct  -      -      no     -      404    -       401
member.remove   group   yes    yes    no     no     404    404     401
member.remove   channel yes    yes    no     no     no     no      401
member.remove   direct  -      -      no     -      404    -       401
invite.create   group   quiet  quiet  no     no     404    404     401
invite.create   channel quiet  quiet  no     no     no     no      401
invite.create   direct  -      -      no     -      404    -       401
invite.list     group   same   same   no     no     404    404     401
invite.list     channel same   same   no     no     no     no      401
invite.list     direct  -      -      no     -      404    -       401
invite.revoke   group   quiet  quiet  no     no     404    404     401
invite.revoke   channel quiet  quiet  no     no     no     no      401
invite.revoke   direct  -      -      no     -      404    -       401
message.send    group   yes    yes    yes    no     404    404     401
message.send    channel yes    yes    yes    no     no     no      401
message.send    direct  -      -      yes    -      404    -       401
message.get     group   same   same   same   same   404    404     401
message.get     channel same   same   same   same   same   same    401
message.get     direct  -      -      same   -      404    -       401
room.history    group   same   same   same   same   404    404     401
room.history    channel same   same   same   same   same   same    401
room.history    direct  -      -      same   -      404    -       401
message.edit    group   no     no     no     no     404    404     401
message.edit    channel no     no     no     no     no     no      401
message.edit    direct  -      -      no     -      404    -       401
message.delete  group   yes    yes    no     no     404    404     401
message.delete  channel yes    yes    no     no     no     no      401
message.delete  direct  -      -      no     -      404    -       401
receipt.read    group   same   same   same   same   404    404     401
receipt.read    channel same   same   same   same   no     no      401
receipt.read    direct  -      -      same   -      404    -       401
`;

/** Messages are another member's above; one's own, written while one could: */
const OWN_MESSAGE = `
                        owner  admin  member guest  strang removed nobody
message.edit    group   yes    yes    yes    no     -      404     401
message.edit    channel yes    yes    yes    no     -      no      401
message.edit    direct  -      -      yes    -      -      -       401
message.delete  group   yes    yes    yes    no     -      404     401
message.delete  channel yes    yes    yes    no     -      no      401
message.delete  direct  -      -      yes    -      -      -       401
`;

/** Operations about no room: everybody who is signed in may, or everybody at all. */
const ELSEWHERE = `
                  somebody nobody
account.register  yes      yes
account.login     yes      yes
session.refresh   yes      yes
session.logout    yes      yes
session.list      yes      401
session.endAll    yes      401
session.get       yes      401
session.end       yes      401
ticket.create     yes      401
user.me           yes      401
user.update       yes      401
user.delete       yes      401
user.get          yes      401
user.search       yes      401
room.create       yes      401
room.list         yes      401
room.public       yes      401
invite.accept     yes      401
`;

/** Looking after the service: a key in its own name has every scope, or acts for somebody who is no admin. */
const ADMINISTRATION = `
                  somebody admin key   acting nobody
user.create       no       yes   yes   no     401
user.find         no       yes   yes   no     401
user.setSuspended no       yes   yes   no     401
session.create    no       yes   yes   no     401
key.create        no       yes   no    no     401
key.list          no       yes   no    no     401
key.delete        no       yes   no    no     401
`;

/** What one may do to another, by both roles; the same in groups and channels. `A>B` makes an A a B. */
const TO_OTHERS = `
                owner  admin  member guest
remove owner    yes    no     no     no
remove admin    yes    no     no     no
remove member   yes    yes    no     no
remove guest    yes    yes    no     no
owner>admin     yes    no     no     no
owner>member    yes    no     no     no
admin>owner     yes    no     no     no
admin>member    yes    no     no     no
admin>guest     yes    no     no     no
member>owner    yes    no     no     no
member>admin    yes    yes    no     no
member>guest    yes    yes    no     no
guest>owner     yes    no     no     no
guest>admin     yes    yes    no     no
guest>member    yes    yes    no     no
add owner       yes    no     no     no
add admin       yes    yes    no     no
add member      yes    yes    yes    no
add guest       yes    yes    yes    no
`;

/** What one may do to oneself. */
const TO_ONESELF = `
                owner  admin  member guest
leave           yes    yes    yes    yes
remove myself   yes    yes    yes    yes
become owner    same   no     no     no
become admin    yes    same   no     no
become member   yes    yes    no     no
become guest    yes    yes    no     no
`;

type Who = Role | "stranger" | "removed" | "nobody";
const COLUMNS: readonly Who[] = [
  "owner",
  "admin",
  "member",
  "guest",
  "stranger",
  "removed",
  "nobody",
];
const EXPECTED = ["yes", "quiet", "same", "no", "404", "401", "-"] as const;
type Expected = typeof EXPECTED[number];

/** A table's rows: the words before the columns, and what each column expects. */
function rowsOf(table: string): { what: string[]; expected: Expected[] }[] {
  const [head, ...rows] = table.trim().split("\n");
  const columns = head!.trim().split(/\s+/).length;
  return rows.map((row) => {
    const words = row.trim().split(/\s+/);
    const expected = words.splice(-columns).map((word) => {
      const known = EXPECTED.find((one) => one === word);
      assert.ok(known, `${word} in ${row}`);
      return known;
    });
    return { what: words, expected };
  });
}

interface Cast extends AppWorld {
  readonly people: ReadonlyMap<
    string,
    SignedIn & { readonly principal: Principal }
  >;
  principal(who: string): Principal;
  id(who: string): string;
}

function inCast(test: (cast: Cast) => Promise<void>): Promise<void> {
  return inApp(async (world) => {
    const people = new Map();
    for (const who of [...COLUMNS, "other", "newcomer"]) {
      if (who !== "nobody") people.set(who, await signUpAs(world.core, who));
    }
    const principal = (who: string): Principal => people.get(who).principal;
    const id = (who: string) => principal(who).user;
    await test({ ...world, people, principal, id });
  });
}

/** Asks by REST as one of the cast, or as nobody. */
function askAs(
  { people, ask }: Cast,
  who: string,
  operation: string,
  input: Record<string, unknown>,
): Promise<Answer> {
  const { method, path, json } = toRequest(operation, input);
  const token = people.get(who)?.accessToken;
  return ask(method, path, {
    ...(token === undefined ? {} : { token }),
    ...(json === undefined ? {} : { json }),
  });
}

interface Scene {
  readonly room: string;
  /** By another member, and by whoever acts. */
  readonly message: string;
  readonly own: string | null;
  /** The code of an invite by the owner, as long as there is one. */
  readonly code: string;
}

/** A fresh room with everybody in their place, where `who` has written while they could. */
async function setScene(
  cast: Cast,
  type: RoomType,
  who: Who,
): Promise<Scene> {
  const { core, principal, id } = cast;
  const write = async (room: string, by: string) =>
    (await say(core, room, principal(by), `of ${by}`)).messageId;
  if (type === "direct") {
    const members = [id("other")];
    const input = { type, members };
    const { id: room } = await run(
      core,
      createRoom,
      input,
      principal("member"),
    );
    return {
      room,
      message: await write(room, "other"),
      own: await write(room, "member"),
      code: "none",
    };
  }
  const room = await roomOf(core, principal("owner"), {
    [id("admin")]: "admin",
    [id("member")]: "member",
    [id("guest")]: "member",
    [id("removed")]: "member",
    [id("other")]: "member",
  }, type);
  const message = await write(room, "other");
  const own = who === "stranger" || who === "nobody"
    ? null
    : await write(room, who);
  const owner = principal("owner");
  const guest = { room, userId: id("guest"), role: "guest" };
  await run(core, changeMember, guest, owner);
  await run(core, removeFromRoom, { room, userId: id("removed") }, owner);
  const { code } = await run(core, createInvite, { room }, owner);
  return { room, message, own, code };
}

/** What each operation on a room is asked with. */
function inputOf(
  { id }: Cast,
  operation: string,
  room: string,
  messageId: string,
  code: string,
): Record<string, unknown> {
  switch (operation) {
    case "invite.revoke":
      return { room, code };
    case "room.update":
      return { room, name: "renamed" };
    case "member.add":
      return { room, userId: id("newcomer") };
    case "member.update":
      return { room, userId: id("other"), role: "guest" };
    case "member.remove":
      return { room, userId: id("other") };
    case "message.send":
      return { room, text: "hello" };
    case "message.edit":
      return { room, messageId, text: "changed" };
    case "message.get":
    case "message.delete":
      return { room, messageId };
    case "receipt.read":
      return { room, seq: 1 };
    default:
      return { room };
  }
}

/** Asks, and holds what came of it against what is expected; answers the body. */
async function expectFrom(
  cast: Cast,
  room: string,
  expected: Expected,
  act: () => Promise<Answer>,
  where: string,
): Promise<void> {
  const before = await headOf(cast.store, room);
  const { status, body } = await act();
  const after = await headOf(cast.store, room);
  const said = `${where}: ${status} ${JSON.stringify(body)}`;
  const code = { no: "forbidden", 404: "not_found", 401: "unauthenticated" };
  const isDone = ["yes", "quiet", "same"].includes(expected);
  if (isDone) assert.ok(status < 300, said);
  else assert.equal(body?.code, code[expected as keyof typeof code], said);
  if (expected === "yes") assert.ok(after.seq > before.seq, said);
  else if (expected === "quiet") {
    assert.notEqual(after.commit, before.commit, said);
    assert.deepEqual({ ...after, commit: before.commit }, before, said);
  } else assert.deepEqual(after, before, said);
}

for (
  const [table, ownMessage] of [[IN_A_ROOM, false], [
    OWN_MESSAGE,
    true,
  ]] as const
) {
  Deno.test(`who may do what in a room${ownMessage ? " to their own message" : ""}`, () =>
    inCast(async (cast) => {
      for (const { what: [operation, type], expected } of rowsOf(table)) {
        for (const [i, who] of COLUMNS.entries()) {
          if (expected[i] === "-") continue;
          const scene = await setScene(cast, type as RoomType, who);
          const message = ownMessage && who !== "nobody"
            ? scene.own!
            : scene.message;
          const { room, code } = scene;
          const input = inputOf(cast, operation!, room, message, code);
          await expectFrom(
            cast,
            scene.room,
            expected[i]!,
            () => askAs(cast, who, operation!, input),
            `${operation} in a ${type} by ${who}`,
          );
        }
      }
    }));
}

Deno.test("what one may not see is answered like what does not exist, for every operation on a room", () =>
  inCast(async (cast) => {
    for (const { what: [operation, type], expected } of rowsOf(IN_A_ROOM)) {
      const i = expected.indexOf("404");
      if (i < 0) continue;
      const { room, message, code } = await setScene(
        cast,
        type as RoomType,
        COLUMNS[i]!,
      );
      const [hidden, nowhere] = await Promise.all(
        [room, "nowhere"].map((one) =>
          askAs(
            cast,
            COLUMNS[i]!,
            operation!,
            inputOf(cast, operation!, one, message, code),
          )
        ),
      );
      assert.deepEqual(
        [hidden!.status, hidden!.body],
        [404, nowhere!.body],
        `${operation} in a ${type}`,
      );
    }
  }));

Deno.test("every operation has its place in the table", () => {
  const inTable = [
    ...rowsOf(IN_A_ROOM).map(({ what }) => what[0]),
    ...rowsOf(ELSEWHERE).map(({ what }) => what[0]),
    ...rowsOf(ADMINISTRATION).map(({ what }) => what[0]),
  ];
  assert.deepEqual(
    [...new Set(inTable)].sort(),
    OPERATIONS.map(({ name }) => name).sort(),
  );
  // What names a room in its input is about that room.
  for (const { name, input } of OPERATIONS) {
    const { properties = {} } = z.toJSONSchema(input, { io: "input" });
    const isThere = rowsOf(IN_A_ROOM).some(({ what }) => what[0] === name);
    assert.equal(isThere, "room" in properties, name);
  }
  const types = Map.groupBy(rowsOf(IN_A_ROOM), ({ what }) => what[0]);
  for (const [operation, rows] of types) {
    assert.deepEqual(
      rows.map(({ what }) => what[1]),
      ["group", "channel", "direct"],
      `${operation}`,
    );
  }
});

Deno.test("who may do what outside of rooms", () =>
  inCast(async (cast) => {
    let made = 0;
    const room = await roomOf(cast.core, cast.principal("owner"));
    const { code } = await run(
      cast.core,
      createInvite,
      { room },
      cast.principal("owner"),
    );
    const form = () => ({
      username: `someone${++made}`,
      password: "a password",
    });
    for (const { what: [operation], expected } of rowsOf(ELSEWHERE)) {
      for (const [i, who] of ["somebody", "nobody"].entries()) {
        const { accessToken: token, refreshToken, principal } = await signUpAs(
          cast.core,
          `${who}${++made}`,
        );
        const inputs: Record<string, Record<string, unknown>> = {
          "account.register": form(),
          "account.login": { login: "owner", password: "password of owner" },
          "session.refresh": { refreshToken },
          "session.logout": { refreshToken },
          "session.get": { session: principal.session },
          "session.end": { session: principal.session },
          "user.update": { displayName: "Somebody" },
          "user.get": { userId: cast.id("other") },
          "user.search": { q: "o" },
          "room.create": { type: "group" },
          "invite.accept": { code },
        };
        const { method, path, json } = toRequest(
          operation!,
          inputs[operation!] ?? {},
        );
        const answer = await cast.ask(method, path, {
          ...(who === "nobody" ? {} : { token }),
          ...(json === undefined ? {} : { json }),
        });
        const said = `${operation} by ${who}: ${JSON.stringify(answer.body)}`;
        if (expected[i] === "yes") assert.ok(answer.status < 300, said);
        else assert.equal(answer.status, 401, said);
      }
    }
  }));

Deno.test("who may look after the service", () =>
  inCast(async (cast) => {
    const { core, id, people } = cast;
    await appoint(core, id("admin"));
    const scopes = scope.options;
    const { key } = await makeKey(core, { name: "shop", scopes }, null);
    const spare = await makeKey(core, { name: "shop", scopes }, null);
    const inputs: Record<string, Record<string, unknown>> = {
      "user.find": { username: "other" },
      "user.setSuspended": { userId: id("other"), suspended: false },
      "session.create": { userId: id("other") },
      "key.create": { name: "shop", scopes: ["act"] },
      "key.delete": { key: spare.made.id },
    };
    const acting = { "Kvorum-User": id("member") };
    const shown: Record<string, { token?: string; headers?: typeof acting }> = {
      somebody: { token: people.get("member")!.accessToken },
      admin: { token: people.get("admin")!.accessToken },
      key: { token: key },
      acting: { token: key, headers: acting },
      nobody: {},
    };
    for (const { what: [operation], expected } of rowsOf(ADMINISTRATION)) {
      // Whoever may goes last: what is done is done.
      for (const [i, who] of [...Object.keys(shown).entries()].toReversed()) {
        const input = operation === "user.create"
          ? { username: `by-${who}` }
          : inputs[operation!] ?? {};
        const { method, path, json } = toRequest(operation!, input);
        const { status, body } = await cast.ask(method, path, {
          ...shown[who],
          ...(json === undefined ? {} : { json }),
        });
        const said = `${operation} by ${who}: ${status} ${body?.code}`;
        if (expected[i] === "yes") assert.ok(status < 300, said);
        else assert.equal(status, expected[i] === "no" ? 403 : 401, said);
      }
    }
  }));

const ROLES: readonly Role[] = ["owner", "admin", "member", "guest"];

for (const type of ["group", "channel"] as const) {
  Deno.test(`what each role may do to each other in a ${type}`, () =>
    inCast(async (cast) => {
      const { core, principal, id } = cast;
      for (const { what, expected } of rowsOf(TO_OTHERS)) {
        const [first, second] = what;
        const isAdding = first === "add";
        const [from, to] = isAdding || first === "remove"
          ? [second, second]
          : first!.split(">");
        for (const [i, who] of ROLES.entries()) {
          const room = await roomOf(core, principal("newcomer"), {
            [id(who)]: who,
            ...(isAdding ? {} : { [id("other")]: from as Role }),
          }, type);
          const operation = isAdding
            ? "member.add"
            : first === "remove"
            ? "member.remove"
            : "member.update";
          await expectFrom(
            cast,
            room,
            expected[i]!,
            () =>
              askAs(cast, who, operation, {
                room,
                userId: id("other"),
                ...(first === "remove" ? {} : { role: to }),
              }),
            `${what.join(" ")} by ${who}`,
          );
        }
      }
    }));

  Deno.test(`what each role may do to itself in a ${type}`, () =>
    inCast(async (cast) => {
      const { core, principal, id } = cast;
      for (const { what: [verb, to], expected } of rowsOf(TO_ONESELF)) {
        for (const [i, who] of ROLES.entries()) {
          // Another one owns the room, too: what the last owner may do is looked at below.
          const room = await roomOf(core, principal("other"), {
            [id(who)]: who,
          }, type);
          const [operation, input] = verb === "leave"
            ? ["room.leave", { room }]
            : verb === "remove"
            ? ["member.remove", { room, userId: id(who) }]
            : ["member.update", { room, userId: id(who), role: to }];
          await expectFrom(
            cast,
            room,
            expected[i]!,
            () => askAs(cast, who, operation!, input!),
            `${verb} ${to ?? ""} by ${who}`,
          );
        }
      }
    }));
}

Deno.test("the last owner cannot step down, and leaves a room only to somebody", () =>
  inCast(async (cast) => {
    const { core, principal, id } = cast;
    const room = await roomOf(core, principal("owner"), {
      [id("guest")]: "guest",
    });
    const before = await headOf(cast.store, room);
    for (const role of ["admin", "member", "guest"]) {
      const input = { room, userId: id("owner"), role };
      const answer = await askAs(cast, "owner", "member.update", input);
      assert.deepEqual([answer.status, answer.body.code], [409, "last_owner"]);
    }
    assert.deepEqual(await headOf(cast.store, room), before);

    // Leaving hands the room on, to a guest when there is nobody better.
    assert.equal(
      (await askAs(cast, "owner", "room.leave", { room })).status,
      204,
    );
    const members = await askAs(cast, "guest", "member.list", { room });
    assert.deepEqual(
      members.body.items.map((
        { user, role }: { user: { id: string }; role: Role },
      ) => [user.id, role]),
      [[id("guest"), "owner"]],
    );
    for (
      const [operation, input] of [
        ["room.leave", { room }],
        ["member.remove", { room, userId: id("guest") }],
      ] as const
    ) {
      const { status, body } = await askAs(cast, "guest", operation, input);
      assert.deepEqual([status, body.code], [409, "last_owner"]);
    }
    assert.equal(
      (await askAs(cast, "guest", "room.delete", { room })).status,
      204,
    );
    assert.equal(
      (await askAs(cast, "guest", "room.get", { room })).status,
      404,
    );
  }));

Deno.test("an owner may remove the other owner, who may then not come back by asking", () =>
  inCast(async (cast) => {
    const { core, principal, id } = cast;
    const room = await roomOf(core, principal("owner"), {
      [id("other")]: "owner",
    });
    const input = { room, userId: id("owner") };
    assert.equal(
      (await askAs(cast, "other", "member.remove", input)).status,
      204,
    );
    for (const operation of ["room.join", "room.get", "room.leave"]) {
      assert.equal(
        (await askAs(cast, "owner", operation, { room })).status,
        404,
      );
    }
  }));

Deno.test("adding or changing somebody who does not exist, or is not in the room, is not_found", () =>
  inCast(async (cast) => {
    const { core, principal, id } = cast;
    const room = await roomOf(core, principal("owner"));
    const before = await headOf(cast.store, room);
    for (
      const [operation, userId] of [
        ["member.add", "nobody"],
        ["member.update", id("other")],
        ["member.update", "nobody"],
        ["member.remove", id("other")],
        ["member.remove", "nobody"],
      ] as const
    ) {
      const role = operation === "member.remove" ? {} : { role: "member" };
      const answer = await askAs(cast, "owner", operation, {
        room,
        userId,
        ...role,
      });
      assert.equal(answer.status, 404, operation);
    }
    assert.deepEqual(await headOf(cast.store, room), before);
  }));

Deno.test("adding somebody who is there already changes nothing, whatever role is given", () =>
  inCast(async (cast) => {
    const { core, principal, id } = cast;
    const room = await roomOf(core, principal("owner"), {
      [id("other")]: "member",
    });
    const before = await headOf(cast.store, room);
    const answer = await askAs(cast, "owner", "member.add", {
      room,
      userId: id("other"),
      role: "admin",
    });
    assert.deepEqual([answer.status, answer.body.role], [201, "member"]);
    assert.deepEqual(await headOf(cast.store, room), before);
    const again = { room, userId: id("other") };
    assert.equal((await askAs(cast, "owner", "member.add", again)).status, 201);
    assert.equal(
      (await run(core, addToRoom, again, principal("owner"))).role,
      "member",
    );
  }));
