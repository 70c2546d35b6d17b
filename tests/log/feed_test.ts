// How an isolate hears of the commits of others: each, in order, its own not twice, and what it slept through said.
import assert from "node:assert/strict";
import type { Clock } from "../../kv/clock.ts";
import type { Core } from "../../kv/core.ts";
import { keys } from "../../kv/keys.ts";
import { ChannelDoorbell } from "../../kv/log/doorbell.ts";
import { Feed, type Ring } from "../../kv/log/feed.ts";
import type { Store } from "../../kv/store.ts";
import { type FaultyStore, inWorld, type World } from "../accounts/world.ts";
import { Turns } from "./turns.ts";
import { person, roomOf, say } from "./world.ts";

interface Listening {
  readonly heard: Ring[];
  /** How often it was told that it may have missed something: until it was heard at first, and since. */
  missedFirst: number;
  missed: number;
  readonly reported: unknown[];
  /** Resolves when so many rings were heard in all. */
  until(count: number): Promise<void>;
}

/** An isolate that follows the feed while the test runs, and ends with it. */
async function listening(
  { store, clock }: { store: Store; clock: Clock },
  test: (listening: Listening) => Promise<void>,
  onMissed: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const it: Listening = {
    heard: [],
    missedFirst: 0,
    missed: 0,
    reported: [],
    async until(count) {
      // A ring takes less than a millisecond; what did not come in so many turns does not come.
      for (let turns = 0; it.heard.length < count; turns++) {
        assert.ok(turns < 2000, `heard ${it.heard.length} of ${count} rings`);
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    },
  };
  const feed = new Feed(store, clock, "listening");
  feed.listener((rings) => void it.heard.push(...rings));
  const end = new AbortController();
  const following = feed.follow(
    async () => {
      it.missed++;
      await onMissed();
    },
    (thrown) => it.reported.push(thrown),
    end.signal,
  );
  try {
    await untilFollowed(store, it);
    await test(it);
  } finally {
    end.abort();
    await following;
  }
}

/** Rings until the follower hears it: what came before it began is not its business. */
async function untilFollowed(store: Store, it: Listening) {
  const { heard } = it;
  while (heard.length === 0) await ring(store, "someone", "hello");
  // Each of those may still be on its way; the last one comes behind them all.
  await ring(store, "someone", "the last");
  while (usersOf(heard).at(-1) !== "the last") {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  heard.length = 0;
  it.missedFirst = it.missed;
  it.missed = 0;
}

/** A commit of an isolate of that name which touched a user. */
async function ring(store: Store, isolate: string, user: string) {
  const feed = new Feed(store, null as never, isolate);
  const commit = { checks: [], mutations: [] };
  const outcome = await store.commit(
    feed.attach(commit, [{ user, what: "profile" }]),
  );
  assert.equal(outcome.kind, "stored");
}

const usersOf = (rings: readonly Ring[]) =>
  rings.map((one) => "user" in one && one.user);

Deno.test("follow() hears what other isolates commit, in order, rows left out", () =>
  inWorld(async (world) => {
    const { core, isolate, store } = world;
    const ada = await person(core, "ada");
    const room = await roomOf(core, ada);
    const others = [core, isolate()];
    await listening(world, async (it) => {
      const texts = Array.from({ length: 60 }, (_, i) => i);
      for (const i of texts) {
        await say(others[i % 2] as Core, room, ada, `${i}`);
      }
      await it.until(60);
      assert.deepEqual(it.heard, texts.map((i) => ({ room, seq: i + 3 })));
      assert.equal(it.missed, 0);
    });
    for (const { value } of await store.list(keys.feed())) {
      assert.doesNotMatch(JSON.stringify(value), /message\.created/);
    }
  }));

Deno.test("follow() passes over what this isolate committed itself: that was announced", () =>
  inWorld((world) =>
    listening(world, async (it) => {
      for (const i of [1, 2, 3]) {
        await ring(world.store, "listening", `own ${i}`);
        await ring(world.store, "other", `other ${i}`);
      }
      await it.until(3);
      assert.deepEqual(usersOf(it.heard), ["other 1", "other 2", "other 3"]);
    })
  ));

Deno.test("commit() announces here what was stored, and nothing that was not", () =>
  inWorld(async ({ core, store, rings }) => {
    const profile: Ring = { user: "ada", what: "profile" };
    const commit = { checks: [], mutations: [{ key: ["x"], value: 1 }] };
    await core.feed.commit(commit, [profile]);
    assert.deepEqual(rings, [profile]);
    const taken = { ...commit, checks: [{ key: ["x"], version: null }] };
    assert.equal((await core.feed.commit(taken, [profile])).kind, "lost");
    assert.deepEqual(rings, [profile]);
    assert.equal((await store.list(keys.feed())).length, 1);
  }));

/**
 * Clocks that jump without waking anybody: both for a frozen process, the wall clock alone on a machine that was
 * suspended. It freezes when the follower has done all that it was rung for; so the doorbell, which may ring late, is
 * one that is heard at once.
 */
function freezing({ clock, store }: World) {
  let frozen = 0;
  let suspended = 0;
  const seen: Clock = {
    now: () => clock.now() + frozen + suspended,
    elapsed: () => clock.elapsed() + frozen,
    turn: () => clock.turn(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  };
  const turns = new Turns([]);
  const followers = new Set<() => void>();
  const heardAtOnce: Store = {
    ...turns.store(store),
    async commit(commit) {
      const outcome = await store.commit(commit);
      for (const rung of followers) rung();
      return outcome;
    },
    async watch(_key, rung, signal) {
      followers.add(rung);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  };
  return {
    clock: seen,
    store: heardAtOnce,
    settled: () => turns.settled(),
    freeze: (ms: number) => void (frozen += ms),
    suspend: (ms: number) => void (suspended += ms),
  };
}

async function forgetFeed(store: Store): Promise<void> {
  for (const { key } of await store.list(keys.feed())) {
    await store.commit({ checks: [], mutations: [{ key, delete: true }] });
  }
}

for (const how of ["freeze", "suspend"] as const) {
  Deno.test(`after a ${how} longer than the feed remembers, follow() says so once and goes on from there`, () =>
    inWorld(async (world) => {
      const { clock, store, settled, [how]: sleep } = freezing(world);
      await listening({ store, clock }, async (it) => {
        await settled();
        sleep(60_001);
        await forgetFeed(world.store);
        await ring(store, "other", "woken by");
        await it.until(1);
        assert.equal(it.missed, 1);
        await ring(store, "other", "afterwards");
        await it.until(2);
        assert.deepEqual(usersOf(it.heard), ["while looking", "afterwards"]);
        assert.equal(it.missed, 1);
        // What is committed while all heads are read again is not in what was read: it must be heard.
      }, () => ring(store, "other", "while looking"));
    }));
}

Deno.test("follow() that froze while it was reading says that it may have missed something", () =>
  inWorld(async (world) => {
    const { clock, store, settled, freeze } = freezing(world);
    await listening({ store, clock }, async (it) => {
      await settled();
      const { list } = store;
      store.list = async <T>(...args: Parameters<typeof list>) => {
        const rows = await list<T>(...args);
        store.list = list;
        // Read, then frozen with the answer in hand; meanwhile a commit came and went.
        await ring(store, "other", "slept through");
        await forgetFeed(world.store);
        freeze(70_000);
        return rows;
      };
      await ring(store, "other", "before");
      await it.until(1);
      await ring(store, "other", "after");
      await untilMissed(it);
      assert.equal(it.missed, 1);
    });
  }));

async function untilMissed(it: Listening): Promise<void> {
  for (let turns = 0; it.missed === 0 && turns < 2000; turns++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

Deno.test("follow() finds by polling what no doorbell told", () =>
  inWorld(async (world) => {
    const { store, clock } = world;
    await listening(world, async (it) => {
      const [row] = await store.list<{ from: string }>(keys.feed());
      assert.ok(row);
      // A feed row without a bell.
      await store.commit({
        checks: [],
        mutations: [],
        appends: [{
          prefix: keys.feed(),
          value: { from: "other", rings: [{ user: "ada", what: "profile" }] },
          expireInMs: 60_000,
        }],
      });
      assert.deepEqual(it.heard, []);
      await clock.advance(1_000);
      await it.until(1);
      assert.deepEqual(usersOf(it.heard), ["ada"]);
    });
  }));

Deno.test("follow() reports a read that fails, and hears everything later", () =>
  inWorld(async (world) => {
    const store: FaultyStore = world.store;
    await listening(world, async (it) => {
      const { list } = store;
      store.list = () => {
        store.list = list;
        return Promise.reject(new Error("the store is away"));
      };
      await ring(store, "other", "unheard at first");
      while (it.reported.length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      await ring(store, "other", "next");
      await it.until(2);
      assert.deepEqual(usersOf(it.heard), ["unheard at first", "next"]);
      assert.match(String(it.reported[0]), /the store is away/);
    });
  }));

Deno.test("follow() that finds no store when it begins tries again, and says that it may have missed something", () =>
  inWorld(async (world) => {
    const store: FaultyStore = { ...world.store };
    store.list = () => {
      store.list = world.store.list;
      return Promise.reject(new Error("the store is away"));
    };
    await listening({ ...world, store }, async (it) => {
      assert.match(String(it.reported[0]), /the store is away/);
      assert.ok(it.missedFirst > 0);
      await ring(store, "other", "ada");
      await it.until(1);
    });
  }));

Deno.test("follow() ends without a fault where it is ended while it begins", () =>
  inWorld(async ({ store, clock }) => {
    const end = new AbortController();
    const feed = new Feed(store, clock, "ending", new ChannelDoorbell("a.db"));
    const reported: unknown[] = [];
    const following = feed.follow(
      () => Promise.resolve(),
      (thrown) => reported.push(thrown),
      end.signal,
    );
    end.abort();
    await following;
    assert.deepEqual(reported, []);
    assert.equal(clock.sleeping, 0);
  }));

Deno.test("follow() ends with its signal, however much is rung", () =>
  inWorld(async (world) => {
    const { store, clock } = world;
    const end = new AbortController();
    const feed = new Feed(store, clock, "ending");
    let heard = 0;
    feed.listener(() => void heard++);
    const following = feed.follow(
      () => Promise.resolve(),
      () => {},
      end.signal,
    );
    while (heard === 0) await ring(store, "other", "ada");
    end.abort();
    await following;
    await ring(store, "other", "ada");
    const then = heard;
    await clock.advance(60_000);
    assert.equal(heard, then);
    assert.equal(clock.sleeping, 0);
  }));
