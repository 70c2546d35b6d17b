// That REST and sockets are two ways to the same thing: every operation of signed-in users is done by each of them in
// a world of its own, made equal, and must give the same answer or the same error and leave the same log behind.
import assert from "node:assert/strict";
import { appoint } from "../../kv/accounts/admins.ts";
import { keys } from "../../kv/keys.ts";
import { OPERATIONS } from "../../kv/operations.ts";
import { deleteMessage } from "../../kv/messages/edit.ts";
import type { Principal } from "../../kv/principal.ts";
import { deleteMe } from "../../kv/accounts/deletion.ts";
import { LIMITS } from "../../kv/limits.ts";
import { createInvite, revokeInvite } from "../../kv/rooms/invites.ts";
import { addToRoom } from "../../kv/rooms/members.ts";
import { CALLER, run } from "../accounts/world.ts";
import { roomOf, say, wholeLog } from "../log/world.ts";
import { toRequest } from "../routes/request.ts";
import { type Person, type Served, test } from "./world.ts";

interface Scene {
  readonly server: Served;
  /** The group's owner, its member, its guest, and somebody outside. */
  readonly ada: Person;
  readonly bob: Person;
  readonly cyd: Person;
  readonly eve: Person;
  readonly room: string;
  readonly channel: string;
  /** Ada's invites to the group: for a member, and one that was revoked. */
  readonly code: string;
  readonly revoked: string;
  readonly byAda: string;
  readonly byBob: string;
}

type Who = "ada" | "bob" | "cyd" | "eve";
type Input = Record<string, unknown>;

interface Case {
  /** `ok`, or the code it is refused with. */
  readonly expect: string;
  readonly who: Who;
  input(scene: Scene): Input;
  /** Done first, in both worlds. */
  prepare?(scene: Scene): Promise<unknown>;
}

function by(
  who: Who,
  expect: string,
  input: (scene: Scene) => Input = () => ({}),
  prepare?: Case["prepare"],
): Case {
  return { who, expect, input, ...(prepare ? { prepare } : {}) };
}

const group = (more: Input = {}) => ({ room }: Scene) => ({ room, ...more });
const open = (more: Input = {}) => ({ channel }: Scene) => ({
  room: channel,
  ...more,
});
const nowhere = (more: Input = {}) => () => ({ room: "nowhere", ...more });
const noId = (more: Input = {}) => () => ({ room: "no id!", ...more });
const toBob = (more: Input = {}) => ({ room, bob }: Scene) => ({
  room,
  userId: bob.id,
  ...more,
});
const toEve = (more: Input = {}) => ({ room, eve }: Scene) => ({
  room,
  userId: eve.id,
  ...more,
});
const adas = (more: Input = {}) => ({ room, byAda }: Scene) => ({
  room,
  messageId: byAda,
  ...more,
});
const bobs = (more: Input = {}) => ({ room, byBob }: Scene) => ({
  room,
  messageId: byBob,
  ...more,
});

const CASES: Readonly<Record<string, readonly Case[]>> = {
  "session.list": [
    by("ada", "ok"),
    by("ada", "ok", () => ({ limit: 1 })),
    by("ada", "invalid", () => ({ limit: 0 })),
    by("ada", "invalid", () => ({ cursor: "none of mine" })),
  ],
  "session.endAll": [by("ada", "ok")],
  "session.get": [
    by("ada", "ok", ({ ada }) => ({ session: sessionOf(ada) })),
    by("ada", "not_found", ({ bob }) => ({ session: sessionOf(bob) })),
    by("ada", "invalid", () => ({ session: "no id!" })),
  ],
  "session.end": [
    by("ada", "ok", ({ ada }) => ({ session: sessionOf(ada) })),
    by("ada", "not_found", ({ bob }) => ({ session: sessionOf(bob) })),
    by("ada", "not_found", () => ({ session: "nothing" })),
    by("ada", "invalid", () => ({ session: "no id!" })),
  ],
  "ticket.create": [by("ada", "ok")],
  "user.me": [by("ada", "ok")],
  "user.update": [
    by(
      "ada",
      "ok",
      () => ({ displayName: "Ada", about: "Counts", avatar: null }),
    ),
    by("ada", "invalid", () => ({ displayName: "", avatar: "javascript:1" })),
    by("ada", "invalid", () => ({ displayName: "\ud800" })),
  ],
  "user.delete": [by("ada", "ok")],
  "user.get": [
    by("ada", "ok", ({ eve }) => ({ userId: eve.id })),
    by("ada", "not_found", () => ({ userId: "nobody" })),
    by("ada", "invalid", () => ({ userId: "no id!" })),
  ],
  "user.search": [
    by("ada", "ok", ({ bob }) => ({ q: bob.username.slice(0, 5) })),
    by("ada", "ok", ({ bob, eve }) => ({ ids: `${bob.id},${eve.id},nobody` })),
    by("ada", "ok", () => ({ q: "nobody at all", limit: 1 })),
    by("ada", "invalid", () => ({ q: "a", limit: 101 })),
    by("ada", "invalid", () => ({ q: "a", limit: "many" })),
    by("ada", "invalid", () => ({ q: "a", cursor: "!" })),
    by("ada", "invalid"),
  ],
  "user.create": [
    by("ada", "ok", ({ ada }) => ({
      username: `of-${ada.username}`,
      displayName: "Made",
      password: "correct horse battery",
    }), appointAda),
    by("ada", "username_taken", ({ bob: { username } }) => ({
      username,
    }), appointAda),
    by("ada", "invalid", () => ({ username: "no name!" }), appointAda),
    by("bob", "forbidden", () => ({ username: "made" })),
  ],
  "user.find": [
    by("ada", "ok", ({ bob: { username } }) => ({ username }), appointAda),
    by("ada", "ok", () => ({ username: "nobody" }), appointAda),
    by("ada", "invalid", () => ({}), appointAda),
    by("bob", "forbidden", () => ({ username: "ada" })),
  ],
  "user.setSuspended": [
    by("ada", "ok", ({ bob }) => ({
      userId: bob.id,
      suspended: true,
    }), appointAda),
    by("ada", "ok", ({ bob }) => ({
      userId: bob.id,
      suspended: false,
    }), appointAda),
    by("ada", "forbidden", ({ ada }) => ({
      userId: ada.id,
      suspended: true,
    }), appointAda),
    by("ada", "not_found", () => ({
      userId: "nobody",
      suspended: true,
    }), appointAda),
    by("ada", "invalid", ({ bob }) => ({ userId: bob.id }), appointAda),
    by("bob", "forbidden", ({ eve }) => ({ userId: eve.id, suspended: true })),
  ],
  "session.create": [
    by("ada", "ok", ({ bob }) => ({ userId: bob.id }), appointAda),
    by("ada", "forbidden", ({ ada }) => ({ userId: ada.id }), appointAda),
    by("ada", "not_found", () => ({ userId: "nobody" }), appointAda),
    by("bob", "forbidden", ({ eve }) => ({ userId: eve.id })),
  ],
  "key.create": [
    by("ada", "ok", () => ({
      name: "shop",
      scopes: ["users", "act", "users"],
      expiresInSeconds: 60,
    }), appointAda),
    by("ada", "username_taken", ({ bob }) => ({
      name: bob.username,
      scopes: ["act"],
    }), appointAda),
    by("ada", "invalid", () => ({ name: "shop", scopes: [] }), appointAda),
    by("ada", "invalid", () => ({ name: "shop", scopes: ["all"] }), appointAda),
    by("bob", "forbidden", () => ({ name: "shop", scopes: ["act"] })),
  ],
  "key.list": [
    by("ada", "ok", () => ({ limit: 1 }), appointAda),
    by("ada", "invalid", () => ({ cursor: "!" }), appointAda),
    by("bob", "forbidden"),
  ],
  "key.delete": [
    by(
      "ada",
      "ok",
      ({ ada }) => ({ key: `k${ada.id.slice(1)}` }),
      async (scene) => {
        await appointAda(scene);
        await storeKey(scene);
      },
    ),
    by("ada", "not_found", () => ({ key: "none" }), appointAda),
    by("bob", "forbidden", () => ({ key: "none" })),
  ],
  "room.create": [
    by("ada", "ok", ({ eve }) => ({
      type: "group",
      name: "New",
      description: "One\nmore",
      members: [eve.id],
    })),
    by("ada", "ok", () => ({ type: "channel", name: "Everybody" })),
    by("ada", "ok", ({ bob }) => ({ type: "direct", members: [bob.id] })),
    by("ada", "ok", ({ ada }) => ({ type: "direct", members: [ada.id] })),
    by("ada", "not_found", () => ({ type: "group", members: ["nobody"] })),
    by("ada", "invalid", () => ({ type: "direct", members: [] })),
    by("ada", "invalid", () => ({ type: "channel" })),
    by("ada", "invalid", () => ({ type: "other", name: "x".repeat(101) })),
    by("ada", "invalid", () => ({
      type: "group",
      members: Array.from({ length: 101 }, (_, i) => `u${i}`),
    })),
  ],
  "room.list": [
    by("ada", "ok"),
    // In one room only: which of two rooms was busier in the same millisecond is chance.
    by("bob", "ok", () => ({ limit: 1 })),
    by("eve", "ok"),
    by("ada", "invalid", () => ({ limit: 0 })),
    by("ada", "invalid", () => ({ cursor: "none of mine" })),
  ],
  "room.public": [
    by("eve", "ok"),
    by("ada", "invalid", () => ({ limit: 1.5 })),
    by("ada", "invalid", () => ({ cursor: "none of mine" })),
  ],
  "room.get": [
    by("bob", "ok", group()),
    by("eve", "ok", open()),
    by("eve", "not_found", group()),
    by("ada", "not_found", nowhere()),
    by("ada", "invalid", noId()),
  ],
  "room.update": [
    by("ada", "ok", group({ name: "Renamed", description: "What for" })),
    by("ada", "ok", group({ name: null })),
    by("ada", "ok", group()),
    by("ada", "invalid", open({ name: null })),
    by("ada", "invalid", group({ name: "two\nlines" })),
    by("bob", "forbidden", group({ name: "Mine" })),
    by("eve", "not_found", group({ name: "Mine" })),
    by("eve", "forbidden", open({ name: "Mine" })),
  ],
  "room.delete": [
    by("ada", "ok", group()),
    by("ada", "ok", open()),
    by("bob", "forbidden", group()),
    by("eve", "not_found", group()),
    by("ada", "not_found", nowhere()),
  ],
  "room.join": [
    by("eve", "ok", open()),
    by("bob", "ok", group()),
    by("eve", "not_found", group()),
    by("eve", "not_found", nowhere()),
    by("eve", "invalid", noId()),
  ],
  "room.leave": [
    by("bob", "ok", group()),
    by("ada", "ok", group()),
    by("ada", "last_owner", open()),
    by("eve", "forbidden", open()),
    by("eve", "not_found", group()),
  ],
  "member.list": [
    by("cyd", "ok", group()),
    by("eve", "ok", open({ limit: 1 })),
    by("eve", "not_found", group()),
    by("ada", "invalid", group({ limit: -1 })),
    by("ada", "invalid", group({ cursor: "W10" })),
  ],
  "member.add": [
    by("bob", "ok", toEve()),
    by("ada", "ok", toEve({ role: "admin" })),
    by("ada", "ok", toBob({ role: "guest" })),
    by("bob", "forbidden", toEve({ role: "admin" })),
    by("cyd", "forbidden", toEve()),
    by("ada", "not_found", group({ userId: "nobody" })),
    by(
      "ada",
      "not_found",
      toEve(),
      ({ server, eve }) => run(server.core, deleteMe, {}, principal(eve)),
    ),
    by("ada", "invalid", toEve({ role: "king" })),
    by("ada", "invalid", group()),
  ],
  "member.update": [
    by("ada", "ok", toBob({ role: "admin" })),
    by("ada", "ok", toBob({ role: "member" })),
    by("ada", "last_owner", ({ room, ada }) => ({
      room,
      userId: ada.id,
      role: "member",
    })),
    by("bob", "forbidden", toBob({ role: "owner" })),
    by("ada", "not_found", toEve({ role: "member" })),
    by("ada", "invalid", toBob()),
  ],
  "member.remove": [
    by("ada", "ok", toBob()),
    by("bob", "ok", toBob()),
    by("cyd", "forbidden", toBob()),
    by("ada", "not_found", toEve()),
    by("eve", "not_found", toBob()),
    by("ada", "last_owner", ({ channel, ada }) => ({
      room: channel,
      userId: ada.id,
    })),
  ],
  "invite.create": [
    by("ada", "ok", group()),
    by("ada", "ok", open({ maxUses: 2, expiresInSeconds: 60, role: "admin" })),
    by("ada", "invalid", group({ role: "owner" })),
    by("ada", "invalid", group({ maxUses: 0, expiresInSeconds: 1e9 })),
    by("bob", "forbidden", group()),
    by("eve", "not_found", group()),
  ],
  "invite.list": [
    by("ada", "ok", group()),
    by("ada", "ok", group({ limit: 100 })),
    by("ada", "invalid", group({ limit: 0 })),
    by("bob", "forbidden", group()),
    by("eve", "not_found", group()),
  ],
  "invite.revoke": [
    by("ada", "ok", ({ room, code }) => ({ room, code })),
    by("ada", "ok", ({ room, revoked: code }) => ({ room, code })),
    by("ada", "not_found", group({ code: "none" })),
    by("ada", "not_found", ({ channel: room, code }) => ({ room, code })),
    by("ada", "invalid", group({ code: "no code!" })),
    by("bob", "forbidden", ({ room, code }) => ({ room, code })),
  ],
  "invite.accept": [
    by("eve", "ok", ({ code }) => ({ code })),
    by("bob", "ok", ({ code }) => ({ code })),
    by("bob", "ok", ({ revoked: code }) => ({ code })),
    by("eve", "gone", ({ revoked: code }) => ({ code })),
    by("eve", "not_found", () => ({ code: "none" })),
    by("eve", "invalid", () => ({ code: "no code!" })),
  ],
  "message.send": [
    by("bob", "ok", group({ text: "hi", clientId: "1" })),
    by("bob", "ok", group({ text: "\u{1F600}\r\nhi" })),
    by("ada", "ok", group({ text: "by ada", clientId: "first" })),
    by("ada", "ok", group({ text: "something else", clientId: "first" })),
    by("cyd", "forbidden", group({ text: "hi" })),
    by("eve", "forbidden", open({ text: "hi" })),
    by("eve", "not_found", group({ text: "hi" })),
    by("ada", "not_found", nowhere({ text: "hi" })),
    by("ada", "invalid", group({ text: " " })),
    by(
      "ada",
      "invalid",
      group({ text: "x".repeat(LIMITS.textCodePoints + 1) }),
    ),
    by("ada", "invalid", group({ text: "\u0000", clientId: "" })),
    by("ada", "invalid", group({ text: 7 })),
    by("ada", "invalid", noId()),
  ],
  "message.get": [
    by("cyd", "ok", adas()),
    by("cyd", "ok", adas(), takeBack),
    by("ada", "not_found", group({ messageId: "9.nothing" })),
    by("eve", "not_found", adas()),
    by("ada", "invalid", group({ messageId: "no id!" })),
  ],
  "room.history": [
    by("cyd", "ok", group()),
    by("cyd", "ok", group({ after: 0, limit: 1 })),
    by("cyd", "ok", group({ before: 999 })),
    by("eve", "ok", open()),
    by("eve", "not_found", group()),
    by("ada", "invalid", group({ before: 1, after: 1 })),
    by("ada", "invalid", group({ limit: 101 })),
    by("ada", "invalid", group({ after: -1, before: "x" })),
  ],
  "message.edit": [
    by("ada", "ok", adas({ text: "otherwise" })),
    by("ada", "ok", adas({ text: "by ada" })),
    by("ada", "forbidden", bobs({ text: "otherwise" })),
    by("ada", "conflict", adas({ text: "otherwise" }), takeBack),
    by("eve", "not_found", adas({ text: "otherwise" })),
    by("ada", "not_found", group({ messageId: "9.nothing", text: "x" })),
    by("ada", "invalid", adas({ text: "" })),
  ],
  "message.delete": [
    by("ada", "ok", adas()),
    by("ada", "ok", bobs()),
    by("ada", "ok", adas(), takeBack),
    by("bob", "forbidden", adas()),
    by("eve", "not_found", adas()),
    by("ada", "not_found", group({ messageId: "nothing" })),
    by("ada", "invalid", noId({ messageId: "no id!" })),
  ],
  "receipt.read": [
    by("bob", "ok", group({ seq: 5 })),
    by("bob", "ok", group({ seq: 0 })),
    by("bob", "invalid", group({ seq: 999 })),
    by("bob", "invalid", group({ seq: "7" })),
    by("eve", "forbidden", open({ seq: 1 })),
    by("eve", "not_found", group({ seq: 1 })),
  ],
};

function appointAda({ server, ada }: Scene) {
  return appoint(server.core, ada.id);
}

/** A key whose id follows from the scene. */
function storeKey({ server, ada }: Scene) {
  const key = keys.serviceKey(`k${ada.id.slice(1)}`);
  return server.core.store.commit({
    checks: [],
    mutations: [{ key, value: { v: 1 } }],
  });
}

function takeBack({ server, room, ada, byAda: messageId }: Scene) {
  return run(server.core, deleteMessage, { room, messageId }, principal(ada));
}

function principal({ id }: Person): Principal {
  return { ...CALLER, user: id, session: "of-test", expiresAt: Infinity };
}

/** The session that a token names. */
function sessionOf({ token }: Person): string {
  const claims = JSON.parse(
    new TextDecoder().decode(
      Uint8Array.fromBase64(token.split(".")[1]!, { alphabet: "base64url" }),
    ),
  );
  return claims.sid;
}

async function setScene(server: Served, number: number): Promise<Scene> {
  const { core } = server;
  const join = (name: string) => server.join(`${name}${number}`);
  const [ada, bob, cyd, eve] = [
    await join("ada"),
    await join("bob"),
    await join("cyd"),
    await join("eve"),
  ];
  const owner = principal(ada);
  const room = await roomOf(core, owner, { [bob.id]: "member" });
  const byAda = (await say(core, room, owner, "by ada", "first")).messageId;
  const byBob = (await say(core, room, principal(bob), "by bob")).messageId;
  const channel = await roomOf(core, owner, {}, "channel", `Open ${number}`);
  const guest = { room, userId: cyd.id, role: "guest" };
  await run(core, addToRoom, guest, owner);
  const { code } = await run(core, createInvite, { room }, owner);
  const { code: revoked } = await run(core, createInvite, { room }, owner);
  await run(core, revokeInvite, { room, code: revoked }, owner);
  const rooms = { room, channel, code, revoked };
  return { server, ada, bob, cyd, eve, ...rooms, byAda, byBob };
}

interface Outcome {
  readonly data?: unknown;
  readonly error?: unknown;
}

async function byRest(scene: Scene, name: string, one: Case): Promise<Outcome> {
  const { method, path, json } = toRequest(name, one.input(scene));
  const { status, body } = await scene.server.ask(
    scene[one.who],
    method,
    path,
    json,
  );
  if (status === 204) return { data: {} };
  if (status < 300) return { data: body };
  const { type: _type, title: _title, status: _status, detail, ...error } =
    body;
  return { error: { ...error, message: detail } };
}

async function bySocket(
  scene: Scene,
  name: string,
  one: Case,
): Promise<Outcome> {
  const client = await scene.server.connect(scene[one.who]);
  const { ok, data, error } = await client.ask(name, one.input(scene));
  await client.terminate();
  return ok ? { data } : { error };
}

const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;
/** In milliseconds: no other number is as high. */
const MILLENNIUM = Date.UTC(2000);
const ID = /^[\w.~!-]+$/;

/** Two worlds' values are the same but for ids, which must correspond one to one, and times. */
class Twins {
  readonly #left = new Map<string, string>();
  readonly #right = new Map<string, string>();

  same(left: unknown, right: unknown, where: string): void {
    if (typeof left === "string" && typeof right === "string") {
      if (left === right || TIME.test(left) && TIME.test(right)) return;
      assert.ok(
        ID.test(left) && ID.test(right),
        `${where}: ${left} | ${right}`,
      );
      assert.equal(this.#left.get(left) ?? right, right, where);
      assert.equal(this.#right.get(right) ?? left, left, where);
      this.#left.set(left, right);
      this.#right.set(right, left);
    } else if (typeof left === "number" && typeof right === "number") {
      assert.ok(
        left === right || left > MILLENNIUM && right > MILLENNIUM,
        where,
      );
    } else if (Array.isArray(left) && Array.isArray(right)) {
      assert.equal(left.length, right.length, where);
      // Lists in the order of ids are in another order in another world.
      const [a, b] = [left, right].map((list) =>
        list.toSorted((x, y) => blank(x) < blank(y) ? -1 : 1)
      );
      a!.forEach((value, i) => this.same(value, b![i], `${where}.${i}`));
    } else if (isObject(left) && isObject(right)) {
      assert.deepEqual(
        Object.keys(left).sort(),
        Object.keys(right).sort(),
        where,
      );
      for (const name of Object.keys(left)) {
        this.same(left[name], right[name], `${where}.${name}`);
      }
    } else assert.equal(left, right, where);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is the same in both worlds: without whatever looks like an id or a time. */
function blank(value: unknown): string {
  return JSON.stringify(
    value,
    (name, part) =>
      typeof part === "string" && (TIME.test(part) || part.length >= 10) ||
        /^(id|epoch|user|sender|room|.*Id)$/.test(name) && !isObject(part)
        ? ""
        : part,
  );
}

const USER_OPERATIONS = OPERATIONS.filter(({ access }) => access === "user");

Deno.test("every operation of signed-in users has its cases here, one that works among them", () => {
  assert.deepEqual(
    Object.keys(CASES).sort(),
    USER_OPERATIONS.map(({ name }) => name).sort(),
  );
  for (const { name, input } of USER_OPERATIONS) {
    const codes = CASES[name]!.map(({ expect }) => expect);
    assert.ok(codes.includes("ok"), name);
    const takesSomething = Object.keys(
      Reflect.get(input, "shape") ?? { something: true },
    ).length > 0;
    if (takesSomething) {
      assert.ok(codes.some((code) => code !== "ok"), `${name} has no error`);
    }
  }
});

let scenes = 0;

for (const [name, cases] of Object.entries(CASES)) {
  test(`${name} gives the same by REST and by WebSocket`, (served) =>
    served((left) =>
      served(async (right) => {
        for (const [i, one] of cases.entries()) {
          const where = `${name}, case ${i + 1} (${one.expect})`;
          const number = ++scenes;
          const rest = await setScene(left, number);
          const socket = await setScene(right, number);
          await one.prepare?.(rest);
          await one.prepare?.(socket);
          const answers = [
            await byRest(rest, name, one),
            await bySocket(socket, name, one),
          ];
          for (const { error } of answers) {
            const code = isObject(error) ? error["code"] : "ok";
            assert.equal(
              code,
              one.expect,
              `${where}: ${JSON.stringify(error)}`,
            );
          }
          const twins = new Twins();
          const { server: _left, ...known } = rest;
          const { server: _right, ...counterparts } = socket;
          for (const who of ["ada", "bob", "cyd", "eve"] as const) {
            twins.same(known[who].id, counterparts[who].id, who);
          }
          twins.same(known.room, counterparts.room, "room");
          twins.same(known.channel, counterparts.channel, "channel");
          twins.same(answers[0], answers[1], where);
          for (const room of ["room", "channel"] as const) {
            twins.same(
              await wholeLog(left.core.store, rest[room]),
              await wholeLog(right.core.store, socket[room]),
              `${where}: the log`,
            );
          }
        }
      })
    ));
}
