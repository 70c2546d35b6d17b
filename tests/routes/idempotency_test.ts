// Idempotency-Key: whatever is repeated, whenever it was cut off, happens once.
import assert from "node:assert/strict";
import { keys } from "../../kv/keys.ts";
import type { Commit, Key } from "../../kv/store.ts";
import { answerOnce } from "../../routes/idempotency.ts";
import {
  CALLER,
  inWorld,
  notStored,
  refuses,
  storedWithoutAnswer,
} from "../accounts/world.ts";
import type { FakeClock } from "../fake_clock.ts";
import { type AppWorld, inApp, refused } from "./world.ts";

const DAY_MS = 24 * 60 * 60_000;
const withKey = (key: string) => ({ headers: { "Idempotency-Key": key } });

async function makeRoom({ ask, join }: AppWorld) {
  const { token } = await join("ada");
  const json = { type: "group", name: "room" };
  const { body } = await ask("POST", "/rooms", { token, json });
  return { token, path: `/rooms/${body.id}/messages` };
}

Deno.test("a repeat gets the first answer and does nothing", () =>
  inApp(async (world) => {
    const { ask } = world;
    const { token, path } = await makeRoom(world);
    const once = { token, json: { text: "hi" }, ...withKey("k1") };
    const first = await ask("POST", path, once);
    const again = await ask("POST", path, once);
    assert.equal(first.status, 201);
    assert.equal(first.headers.has("idempotency-replayed"), false);
    assert.equal(again.status, 201);
    assert.equal(again.headers.get("idempotency-replayed"), "true");
    assert.deepEqual(again.body, first.body);
    assert.equal((await ask("GET", path, { token })).body.items.length, 1);
  }));

Deno.test("the order of fields and unknown fields make no other request", () =>
  inApp(async (world) => {
    const { ask } = world;
    const { token, path } = await makeRoom(world);
    const send = (body: string) =>
      ask("POST", path, { token, body, ...withKey("k1") });
    await send('{"text":"hi","clientId":"c1"}');
    const again = await send('{"clientId":"c1","x":1,"text":"hi"}');
    assert.equal(again.headers.get("idempotency-replayed"), "true");
  }));

Deno.test("the same key with another body is a conflict", () =>
  inApp(async (world) => {
    const { ask } = world;
    const { token, path } = await makeRoom(world);
    const send = (text: string) =>
      ask("POST", path, { token, json: { text }, ...withKey("k1") });
    await send("hi");
    refused(await send("ho"), 409, "conflict");
    assert.equal((await ask("GET", path, { token })).body.items.length, 1);
  }));

Deno.test("a key belongs to one user and one path", () =>
  inApp(async ({ ask, join }) => {
    const ids = new Set();
    for (const name of ["ada", "bob"]) {
      const { token } = await join(name);
      const json = { type: "group", name: "room" };
      const answer = await ask("POST", "/rooms", {
        token,
        json,
        ...withKey("k"),
      });
      assert.equal(answer.headers.has("idempotency-replayed"), false);
      const path = `/rooms/${answer.body.id}/messages`;
      const sent = await ask("POST", path, {
        token,
        json: { text: "hi" },
        ...withKey("k"),
      });
      assert.equal(sent.headers.has("idempotency-replayed"), false);
      ids.add(answer.body.id).add(sent.body.messageId);
    }
    assert.equal(ids.size, 4);
  }));

Deno.test("a final refusal is repeated too", () =>
  inApp(async (world) => {
    const { ask, join } = world;
    const { path } = await makeRoom(world);
    const { token } = await join("bob");
    const once = { token, json: { text: "hi" }, ...withKey("k1") };
    const first = refused(await ask("POST", path, once), 404, "not_found");
    const again = await ask("POST", path, once);
    assert.deepEqual(refused(again, 404, "not_found"), first);
    assert.equal(again.headers.get("idempotency-replayed"), "true");
  }));

Deno.test("after a day the key is forgotten, however late the row goes", () =>
  inApp(async (world) => {
    const { ask, clock, core } = world;
    const { token, path } = await makeRoom(world);
    const once = { json: { text: "hi" }, ...withKey("k1") };
    await ask("POST", path, { token, ...once });
    await clock.advance(DAY_MS);
    const login = { login: "ada", password: "password of ada" };
    const { body } = await ask("POST", "/auth/login", { json: login });
    const again = await ask("POST", path, {
      token: body.accessToken,
      ...once,
    });
    assert.equal(again.headers.has("idempotency-replayed"), false);
    assert.equal((await core.store.list(["answered"])).length, 1);
  }));

Deno.test("keys that are empty, long or unprintable are invalid", () =>
  inApp(async (world) => {
    const { ask } = world;
    const { token, path } = await makeRoom(world);
    for (const key of ["", "x".repeat(256), "é"]) {
      const answer = await ask("POST", path, {
        token,
        json: { text: "hi" },
        ...withKey(key),
      });
      const problem = refused(answer, 400, "invalid");
      assert.equal(problem.errors[0].path, "Idempotency-Key");
    }
  }));

Deno.test("what is new under /auth is never kept", () =>
  inApp(async ({ ask, join, core }) => {
    const { token } = await join("ada");
    const tickets = new Set();
    for (let i = 0; i < 2; i++) {
      const answer = await ask("POST", "/auth/tickets", {
        token,
        ...withKey("k1"),
      });
      tickets.add(answer.body.ticket);
    }
    assert.equal(tickets.size, 2);
    assert.equal((await core.store.list(["answered"])).length, 0);
  }));

Deno.test("a process that died after doing it: the repeat a minute later does it no second time", () =>
  inApp(async (world) => {
    const { ask, clock, store } = world;
    const { token, path } = await makeRoom(world);
    const once = { token, json: { text: "hi" }, ...withKey("k1") };
    // Everything is stored but the answer: as if the process died right before.
    const commit = store.commit;
    store.commit = (given) => holdsAnswer(given) ? notStored() : commit(given);
    await ask("POST", path, once);
    store.commit = commit;

    await clock.advance(61_000);
    const again = await ask("POST", path, once);
    assert.equal(again.headers.has("idempotency-replayed"), false);
    assert.equal(again.body.duplicate, true);
    assert.equal(again.status, 200);
    const { items } = (await ask("GET", path, { token })).body;
    assert.equal(items.length, 1);
    const third = await ask("POST", path, once);
    assert.equal(third.headers.get("idempotency-replayed"), "true");
  }));

Deno.test("a room made before the process died is found again", () =>
  inApp(async ({ ask, join, clock, store }) => {
    const { token } = await join("ada");
    const once = {
      token,
      json: { type: "group", name: "room" },
      ...withKey("k1"),
    };
    const commit = store.commit;
    store.commit = (given) => holdsAnswer(given) ? notStored() : commit(given);
    const first = await ask("POST", "/rooms", once);
    store.commit = commit;
    await clock.advance(61_000);
    const again = await ask("POST", "/rooms", once);
    assert.equal(again.body.id, first.body.id);
    assert.equal((await ask("GET", "/rooms", { token })).body.items.length, 1);
  }));

Deno.test("answerOnce() lets one of many run, and the others wait for its answer", () =>
  inWorld(async ({ core, clock }) => {
    let runs = 0;
    const done = Promise.withResolvers<void>();
    const run = async () => {
      runs++;
      await done.promise;
      return { runs };
    };
    const all = Array.from({ length: 5 }, () => once(core, run));
    while (clock.sleeping < 4) await turn();
    done.resolve();
    // Whoever ran: its answer is kept now, however long that took.
    await Promise.race(all);
    const answers = await passing(clock, Promise.all(all));
    assert.equal(runs, 1);
    for (const answer of answers) assert.deepEqual(answer, { runs: 1 });
  }));

Deno.test("answerOnce() asks to come back while the first still runs", () =>
  inWorld(async ({ core, clock }) => {
    const never = Promise.withResolvers<unknown>();
    const running = Promise.withResolvers<void>();
    const first = once(core, () => {
      running.resolve();
      return never.promise;
    });
    await running.promise;
    const second = once(core, () => Promise.resolve("second"));
    await passing(clock, assert.rejects(second, refuses("unavailable")));
    never.resolve("first");
    assert.equal(await first, "first");
  }));

Deno.test("answerOnce() gives way after what may succeed later", () =>
  inWorld(async ({ core }) => {
    const failing = () => Promise.reject(new Error("the store is gone"));
    await assert.rejects(once(core, failing), /the store is gone/);
    assert.equal(await once(core, () => Promise.resolve("now")), "now");
  }));

Deno.test("answerOnce() runs once although the reservation's answer was lost", () =>
  inWorld(async ({ core, store }) => {
    for (const fault of [storedWithoutAnswer, notStored]) {
      let runs = 0;
      store.faults.push(fault);
      const answer = await once(
        core,
        () => Promise.resolve(++runs),
        fault.name,
      );
      assert.equal(answer, 1);
      assert.equal(runs, 1);
    }
  }));

Deno.test("answerOnce() does not keep an answer that fits into no row", () =>
  inWorld(async ({ core }) => {
    const large = () => Promise.resolve("é".repeat(40_000));
    assert.equal(await once(core, large), "é".repeat(40_000));
    assert.deepEqual(await core.store.list(["answered"]), []);
  }));

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Lets time go by until what is waited for has come. */
async function passing<T>(clock: FakeClock, awaited: Promise<T>): Promise<T> {
  let waiting = true;
  const end = () => void (waiting = false);
  awaited.then(end, end);
  while (waiting) {
    await turn();
    // Not while the store is asked: reservations run out.
    if (clock.sleeping > 0) await clock.advance(200);
  }
  return await awaited;
}

function once(
  core: Parameters<typeof answerOnce>[0],
  run: () => Promise<unknown>,
  key = "k1",
) {
  const principal = {
    ...CALLER,
    user: "u1",
    session: "s1",
    expiresAt: Infinity,
  };
  return answerOnce(
    core,
    { principal, path: "/rooms", key, input: {} },
    run,
    () => {},
  );
}

/** Whether a commit stores the answer of a request that ran. */
function holdsAnswer({ mutations }: Commit): boolean {
  const [prefix] = keys.answered("");
  return mutations.some((mutation) => {
    const key: Key = mutation.key;
    return key[0] === prefix && "value" in mutation &&
      Object.hasOwn(mutation.value as object, "answer");
  });
}
