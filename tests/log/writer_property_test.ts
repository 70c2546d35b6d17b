// That nothing two people, three isolates and a bad store can do at once breaks a room: rules that hold for its log,
// whatever was asked in whatever order. They are checked on the stored rows, by a policy written down a second time.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Core } from "../../kv/core.ts";
import { type RefusalCode, Refused } from "../../kv/errors.ts";
import { keys } from "../../kv/keys.ts";
import { Feed } from "../../kv/log/feed.ts";
import type { Member } from "../../kv/log/event.ts";
import { RoomState } from "../../kv/log/room_state.ts";
import { countSent } from "../../kv/log/sent.ts";
import { RoomLogs } from "../../kv/log/writer.ts";
import { deleteMessage, editMessage } from "../../kv/messages/edit.ts";
import type { Principal } from "../../kv/principal.ts";
import { markRead } from "../../kv/receipts/read.ts";
import { changeRoom, getRoom } from "../../kv/rooms/change.ts";
import { joinRoom, leaveRoom } from "../../kv/rooms/join.ts";
import {
  addToRoom,
  changeMember,
  removeFromRoom,
} from "../../kv/rooms/members.ts";
import type { Mark } from "../../kv/rooms/membership.ts";
import type { Message, Role, RoomType } from "../../kv/shapes.ts";
import type { Outcome } from "../../kv/store.ts";
import {
  type FaultyStore,
  inWorld,
  notStored,
  run,
  storedButCalledLost,
  storedWithoutAnswer,
} from "../accounts/world.ts";
import { FakeClock } from "../fake_clock.ts";
import { seedGiven } from "../seed_given.ts";
import { Turns } from "./turns.ts";
import {
  everything,
  headOf,
  type Logged,
  people,
  roomOf,
  say,
  wholeLog,
} from "./world.ts";

const NAMES = ["ada", "bob", "cyd", "dan", "eve"] as const;
type Name = typeof NAMES[number];
const ROLES = ["owner", "admin", "member", "guest"] as const;
const ISOLATES = 3;

// What is asked.

const who = fc.constantFrom(...NAMES);
const role = fc.constantFrom<Role>(...ROLES);
const some = fc.nat(30);
const ask = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      clientId: fc.constantFrom<string>("a", "b", "c"),
      variant: fc.constantFrom(1, 1, 2),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("edit" as const), message: some }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("delete" as const), message: some }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("add" as const), other: who, role }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("remove" as const), other: who }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("role" as const),
      other: who,
      role,
    }),
  },
  fc.record({ do: fc.constant("join" as const) }),
  fc.record({ do: fc.constant("leave" as const) }),
  fc.record({ do: fc.constant("rename" as const) }),
  fc.record({ do: fc.constant("read" as const), share: fc.nat(100) }),
);
const step = fc.record({
  ask,
  who: fc.oneof({ weight: 2, arbitrary: fc.constant("ada" as Name) }, {
    weight: 5,
    arbitrary: who,
  }),
  isolate: fc.nat(ISOLATES - 1),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

// What befalls the commits, one after the other.

const FAULTS = {
  none: (commit: () => Promise<Outcome>) => commit(),
  storedWithoutAnswer,
  storedButCalledLost,
  notStored,
  calledLost: () => Promise.resolve({ kind: "lost" } as const),
  /** Stored, or not, when its turn comes: after whoever asked has gone on. */
  late: (commit: () => Promise<Outcome>, turns: Turns) => {
    void turns.take(commit);
    return notStored();
  },
};
const fault = fc.constantFrom(
  ...Object.keys(FAULTS) as (keyof typeof FAULTS)[],
  "none" as const,
  "none" as const,
  "late" as const,
);
type Fault = keyof typeof FAULTS;

// What came of it.

interface Asked {
  readonly step: Step;
  /** The head's `seq` before anything of its round was asked, and after all of it was answered. */
  readonly from: number;
  until: number;
  readonly text?: string;
  readonly target?: Message;
  // deno-lint-ignore no-explicit-any
  result?: any;
  refusal?: RefusalCode;
}

const FORESEEN: readonly RefusalCode[] = [
  "forbidden",
  "not_found",
  "conflict",
  "last_owner",
];

interface Story {
  readonly type: Exclude<RoomType, "direct">;
  /** How many messages ada sends first: her ledger may begin a new page in the middle of what follows. */
  readonly sentBefore: number;
  readonly rounds: readonly (readonly Step[])[];
  readonly faults: readonly Fault[];
  readonly turns: readonly number[];
}

const story: fc.Arbitrary<Story> = fc.record({
  type: fc.constantFrom("group" as const, "channel" as const),
  sentBefore: fc.oneof(fc.constant(0), fc.integer({ min: 12, max: 16 })),
  rounds: fc.array(fc.array(step, { minLength: 1, maxLength: 10 }), {
    minLength: 1,
    maxLength: 8,
  }),
  faults: fc.array(fault, { maxLength: 40 }),
  turns: fc.array(fc.nat(9), { maxLength: 50 }),
});

Deno.test("whatever is asked of a room at once, and whatever becomes of the commits, its log keeps the rules", () =>
  fc.assert(fc.asyncProperty(story, check), { numRuns: 150, ...seedGiven() }));

Deno.test("who is removed before their joining is answered may be refused, although the log has it", () =>
  check({
    type: "channel",
    sentBefore: 0,
    rounds: [[
      { ask: { do: "join" }, who: "eve", isolate: 0 },
      { ask: { do: "remove", other: "eve" }, who: "ada", isolate: 1 },
    ]],
    faults: [],
    turns: [2, 3, 3],
  }));

Deno.test("what is called lost while an earlier try is late is not decided again", () =>
  check({
    type: "group",
    sentBefore: 0,
    rounds: [[
      {
        ask: { do: "send", clientId: "a", variant: 1 },
        who: "ada",
        isolate: 1,
      },
      {
        ask: { do: "send", clientId: "c", variant: 1 },
        who: "ada",
        isolate: 0,
      },
      {
        ask: { do: "add", other: "eve", role: "owner" },
        who: "ada",
        isolate: 1,
      },
      { ask: { do: "edit", message: 0 }, who: "ada", isolate: 0 },
    ]],
    faults: ["late", "none", "none", "none", "late", "calledLost"],
    turns: [9],
  }));

async function check(story: Story): Promise<void> {
  await inWorld(async ({ core, store, clock }) => {
    const principals = new Map<string, Principal>();
    for (const one of await people(core, ...NAMES)) {
      principals.set(one.user, one);
    }
    const as = (name: Name) => principals.get(name)!;
    const room = await roomOf(
      core,
      as("ada"),
      { bob: "admin", cyd: "member", dan: "guest" },
      story.type,
      "before",
    );
    const turns = new Turns(story.turns);
    // Each isolate with a wall clock of its own: they never agree.
    const isolates = Array.from({ length: ISOLATES }, (_, i): Core => {
      const clockOfIts = new FakeClock(clock.now() + 5000 * (i - 1));
      const itsStore = turns.store(store);
      const deps = {
        store: itsStore,
        clock: clockOfIts,
        feed: new Feed(itsStore, clockOfIts, `of-${i}`),
        // So that a few messages are enough to bring their senders' rows up.
        due: { perSender: 2, fewest: 3, most: 6, senders: 4, rows: 2 },
      };
      return { ...core, ...deps, logs: new RoomLogs(deps, 1) };
    });

    store.faults.push(
      ...story.faults.map((fault): FaultyStore["faults"][number] => (commit) =>
        FAULTS[fault](commit, turns)
      ),
    );
    const asked: Asked[] = [];
    for (const round of [manySent(story.sentBefore), ...story.rounds]) {
      const from = (await headOf(store, room)).seq;
      const messages = asked.filter(({ step, result }) =>
        step.ask.do === "send" && result !== undefined
      );
      const now = round.map((step, i): Asked => ({
        step,
        from,
        until: from,
        text: textOf(step, asked.length + i),
        ...("message" in step.ask && messages.length > 0
          ? { target: messages[step.ask.message % messages.length]!.result }
          : {}),
      }));
      await Promise.all(now.map(async (one) => {
        const { isolate, who } = one.step;
        try {
          one.result = await perform(isolates[isolate]!, room, as(who), one);
        } catch (thrown) {
          assert.ok(thrown instanceof Refused, String(thrown));
          assert.ok(FORESEEN.includes(thrown.code), String(thrown));
          one.refusal = thrown.code;
        }
      }));
      await turns.settled();
      const until = (await headOf(store, room)).seq;
      for (const one of now) one.until = until;
      asked.push(...now);
    }
    store.faults.length = 0;

    const before = await wholeLog(store, room);
    await checkRows(core, room, before);
    checkPermissions(before, asked, story.type);
    checkAnswers(before, asked);
    await checkText(core, before);
    await checkCounts(core, room, before, as);

    // Whoever repeats, anywhere, for ever, gets the first result: also isolates whose memory is behind.
    for (const isolate of isolates) {
      for (const { message } of messagesOf(before)) {
        const { sender, clientId } = message;
        const again = await say(
          isolate,
          room,
          as(sender as Name),
          "other",
          clientId,
        );
        assert.deepEqual([again.messageId, again.duplicate, again.differs], [
          message.id,
          true,
          true,
        ]);
      }
    }
    assert.deepEqual(await wholeLog(store, room), before);
  });
}

function manySent(count: number): Step[] {
  return Array.from({ length: count }, (_, i): Step => ({
    ask: { do: "send", clientId: `${i}`, variant: 1 },
    who: "ada",
    isolate: 0,
  }));
}

/** What a step writes, so that every text tells where it belongs. */
function textOf({ ask, who }: Step, number: number): string {
  return ask.do === "send"
    ? `<said ${who} ${ask.clientId} ${ask.variant}>`
    : `<${ask.do} ${number}>`;
}

function perform(
  core: Core,
  room: string,
  me: Principal,
  { step: { ask }, text, target, from }: Asked,
): Promise<unknown> {
  switch (ask.do) {
    case "send":
      return say(core, room, me, text!, ask.clientId);
    case "edit":
      return run(core, editMessage, { room, ...idOf(target), text }, me);
    case "delete":
      return run(core, deleteMessage, { room, ...idOf(target) }, me);
    case "add":
      return run(
        core,
        addToRoom,
        { room, userId: ask.other, role: ask.role },
        me,
      );
    case "remove":
      return run(core, removeFromRoom, { room, userId: ask.other }, me);
    case "role":
      return run(
        core,
        changeMember,
        { room, userId: ask.other, role: ask.role },
        me,
      );
    case "join":
      return run(core, joinRoom, { room }, me);
    case "leave":
      return run(core, leaveRoom, { room }, me);
    case "rename":
      return run(core, changeRoom, { room, name: text }, me);
    case "read":
      return run(core, markRead, {
        room,
        seq: Math.floor(from * ask.share / 100),
      }, me);
  }
}

// What was sent is answered with its `messageId`; before anything was, a message that is not there.
function idOf(target: unknown) {
  const { messageId } = (target ?? { messageId: "9.nothing" }) as {
    messageId: string;
  };
  return { messageId };
}

// The rules.

function messagesOf(log: readonly Logged[]) {
  return log.filter((row) => "message" in row);
}

/** Numbers, times, and that every other row says what the log says. */
async function checkRows(core: Core, room: string, log: readonly Logged[]) {
  const { store } = core;
  const head = await headOf(store, room);
  assert.equal(head.seq, log.length);
  const messages = messagesOf(log);
  assert.deepEqual(
    messages.map(({ message }) => message.n),
    messages.map((_, i) => i + 1),
    "n is dense",
  );
  assert.equal(head.n, messages.length);
  assert.equal(head.lastMessage, messages.at(-1)?.seq ?? 0);
  let n = 0;
  let at = "";
  for (const row of log) {
    if ("message" in row) {
      n++;
      assert.equal(row.message.seq, row.seq);
      assert.ok(row.message.at >= at, "at goes back");
      at = row.message.at;
    } else assert.equal(row.event.n, n, "an event's n");
  }
  assert.ok(new Date(head.at).toISOString() >= at);
  const sentUnder = messages.map(({ message }) =>
    `${message.sender} ${message.clientId}`
  );
  assert.equal(new Set(sentUnder).size, sentUnder.length, "a message twice");

  const members = await store.list<Member>(keys.members(room));
  assert.equal(head.memberCount, members.length);
  assert.equal(
    head.owners,
    members.filter(({ value }) => value.role === "owner").length,
  );
  const inside = members.map(({ key }) => String(key.at(-1)));
  for (const name of NAMES) {
    const [membership, mark] = await store.getMany([
      keys.membership(name, room),
      keys.mark(name, room),
    ]);
    const isIn = inside.includes(name);
    assert.equal(membership!.value !== null, isIn, `${name}'s membership`);
    assert.equal(mark!.value !== null, isIn, `${name}'s mark`);
    const state = new RoomState(store, room, head, null);
    await state.meetSender(name);
    const sent = messages.filter(({ message }) => message.sender === name);
    const [count] = await countSent(store, [{ room, user: name, head }]);
    assert.equal(count, sent.length, `what ${name} has sent`);
    assert.deepEqual(
      [...state.sender(name)!.recent],
      sent.map(({ seq, message }) => [message.clientId, seq]),
    );
  }
}

/** Above whom one stands: only owners above their like. */
function isOver(actor: Role, target: Role): boolean {
  return actor === "owner" || ROLES.indexOf(actor) < ROLES.indexOf(target);
}
function mayGrant(actor: Role, role: Role): boolean {
  return ROLES.indexOf(actor) <= ROLES.indexOf(role);
}

/** Goes through the log as it happened: whoever did something was allowed to at that very place in it. */
function checkPermissions(
  log: readonly Logged[],
  asked: readonly Asked[],
  type: RoomType,
) {
  const roles = new Map<string, Role>();
  const authors = new Map(
    messagesOf(log).map(({ seq, message }) => [seq, message]),
  );
  const gone = new Set<string>();
  /** Who could write after which `seq`. */
  const writers: Set<string>[] = [new Set()];
  const writes = (user: string) =>
    assert.match(roles.get(user) ?? "stranger", /owner|admin|member/, user);
  const governs = (user: string) =>
    assert.match(roles.get(user) ?? "stranger", /owner|admin/, user);

  for (const row of log) {
    if ("message" in row) writes(row.message.sender);
    else {
      const { event } = row;
      switch (event.type) {
        case "member.joined": {
          const { user, by, member } = event.data;
          assert.ok(!roles.has(user), `${user} came twice`);
          assert.equal(member.joined, row.seq);
          if (by === user) {
            // The room's maker, or into a channel.
            if (row.seq > 2) {
              assert.deepEqual([type, member.role], ["channel", "member"]);
            }
          } else {
            writes(by);
            assert.ok(mayGrant(roles.get(by)!, member.role), "a role too high");
          }
          roles.set(user, member.role);
          break;
        }
        case "member.updated": {
          const { user, by, member } = event.data;
          governs(by);
          assert.ok(mayGrant(roles.get(by)!, member.role), "a role too high");
          if (by !== user) {
            assert.ok(isOver(roles.get(by)!, roles.get(user)!), "not above");
          }
          roles.set(user, member.role);
          break;
        }
        case "member.left": {
          const { user, by, member } = event.data;
          assert.equal(member.role, roles.get(user));
          if (by !== user) {
            governs(by);
            assert.ok(isOver(roles.get(by)!, member.role), "not above");
          }
          roles.delete(user);
          break;
        }
        case "message.updated": {
          const { id, sender } = authors.get(event.data.message)!;
          writes(sender);
          assert.ok(!gone.has(id), "edited after it was deleted");
          break;
        }
        case "message.deleted": {
          const { by, id } = event.data;
          const author = [...authors.values()].find((one) => one.id === id)!;
          if (by === author.sender) writes(by);
          else governs(by);
          assert.ok(!gone.has(id), "deleted twice");
          gone.add(id);
          break;
        }
        case "room.updated": {
          const named = asked.find(({ step, result }) =>
            step.ask.do === "rename" && result?.seq === row.seq
          );
          assert.ok(named, "a name nobody gave");
          assert.equal(event.data.name, named.text);
          governs(named.step.who);
        }
      }
    }
    if (row.seq >= 2) {
      assert.ok([...roles.values()].includes("owner"), "nobody owns the room");
    }
    writers.push(
      new Set([...roles].flatMap(([user, r]) => r === "guest" ? [] : [user])),
    );
  }

  // Nobody was refused by what an isolate remembered wrongly.
  for (const { step, refusal, from, until } of asked) {
    if (step.ask.do !== "send" || refusal === undefined) continue;
    const during = writers.slice(from, until + 1);
    assert.ok(
      !during.every((could) => could.has(step.who)),
      `${step.who} was refused, but could write all the time`,
    );
  }
}

/** What was answered is in the log under that `seq`, and the log has nothing that was not. */
function checkAnswers(log: readonly Logged[], asked: readonly Asked[]) {
  const done = asked.filter(({ result }) => result !== undefined);
  const of = (kind: Step["ask"]["do"]) =>
    done.filter(({ step }) => step.ask.do === kind);
  const events = log.flatMap((row) => "event" in row ? [row] : []);
  const seqsOf = (type: string) =>
    events.filter(({ event }) => event.type === type).map(({ seq }) => seq);

  const first = new Map<string, string>();
  for (const { result, text } of of("send")) {
    if (!result.duplicate) first.set(result.messageId, text!);
  }
  for (const { step, result, text } of of("send")) {
    const row = log[result.seq - 1];
    assert.ok(row && "message" in row, "an acknowledged message is lost");
    const { id, sender, clientId, n, at } = row.message;
    assert.deepEqual({ id, sender, n, at }, {
      id: result.messageId,
      sender: step.who,
      n: result.n,
      at: result.at,
    });
    assert.ok(step.ask.do === "send" && step.ask.clientId === clientId);
    assert.equal(result.differs, first.get(id) === text ? undefined : true);
  }
  assert.deepEqual(
    of("send").filter(({ result }) => !result.duplicate)
      .map(({ result }) => result.seq).sort(ascending),
    messagesOf(log).map(({ seq }) => seq),
    "each message was new once, and no refused one is there",
  );
  assert.deepEqual(
    of("edit").map(({ result }) => result.rev).sort(ascending),
    seqsOf("message.updated"),
  );
  assert.deepEqual(
    [...new Set(of("delete").map(({ result }) => result.rev))].sort(ascending),
    seqsOf("message.deleted"),
  );
  assert.deepEqual(
    of("rename").map(({ result }) => result.seq).sort(ascending),
    seqsOf("room.updated"),
  );
  assert.deepEqual(
    done.flatMap(({ step: { ask, who } }) =>
      ask.do === "leave"
        ? [`${who} by ${who}`]
        : ask.do === "remove"
        ? [`${ask.other} by ${who}`]
        : []
    ).sort(),
    events.flatMap(({ event }) =>
      event.type === "member.left"
        ? [`${event.data.user} by ${event.data.by}`]
        : []
    ).sort(),
  );
  for (const { step: { who }, result, from, until } of of("read")) {
    assert.equal(result.n, messagesOf(log.slice(0, result.seq)).length);
    // As of some moment while it was asked.
    const unread = Array.from(
      { length: until - from + 1 },
      (_, i) =>
        messagesOf(log.slice(result.seq, from + i))
          .filter(({ message }) => message.sender !== who).length,
    );
    assert.ok(unread.includes(result.unread), `${who} has read`);
  }
  // Who was in already is answered as well; so there may be fewer of these than answers, never more.
  const cameBy = (user: string, by: string) =>
    done.some(({ step: { ask, who } }) =>
      who === by && (ask.do === "join" || ask.do === "add") &&
      user === (ask.do === "join" ? who : ask.other)
    );
  // But whoever is out again before the room they joined was read for the answer is told that there is none.
  const cameInVain = (user: string, by: string, seq: number) =>
    asked.some(({ step: { ask, who }, refusal, from, until }) =>
      who === by && user === by && ask.do === "join" &&
      refusal === "not_found" && from < seq &&
      events.some((later) =>
        later.seq > seq && later.seq <= until &&
        later.event.type === "member.left" && later.event.data.user === user
      )
    );
  for (const { seq, event } of events) {
    // The first five rows made the room.
    if (seq <= 5 || event.type !== "member.joined") continue;
    const { user, by } = event.data;
    assert.ok(
      cameBy(user, by) || cameInVain(user, by, seq),
      `${user} was brought by ${by} without an answer`,
    );
  }
}

function ascending(a: number, b: number): number {
  return a - b;
}

/** Of all that was ever written, only what messages say now is left in any row. */
async function checkText(core: Core, log: readonly Logged[]) {
  const shown = new Set(messagesOf(log).map(({ message }) => message.text));
  for (const { key, value } of await everything(core.store)) {
    const texts = JSON.stringify(value).match(/<(said|edit)[^>]*>/g) ?? [];
    for (const text of texts) {
      assert.ok(shown.has(text), `${text} is left in ${JSON.stringify(key)}`);
    }
  }
  for (const { message } of messagesOf(log)) {
    assert.equal(message.text === undefined, message.deletedAt !== undefined);
    const changed = log[message.rev - 1]!;
    if (message.rev === message.seq) continue;
    assert.ok("event" in changed && changed.event.type.startsWith("message."));
  }
}

/** What everybody is shown as unread is what one counts by hand. */
async function checkCounts(
  core: Core,
  room: string,
  log: readonly Logged[],
  as: (name: Name) => Principal,
) {
  for (const { key } of await core.store.list(keys.members(room))) {
    const name = String(key.at(-1)) as Name;
    const mark = (await core.store.get<Mark>(keys.mark(name, room))).value!;
    const read = messagesOf(log.slice(0, mark.seq));
    const since = messagesOf(log.slice(mark.seq));
    const own = (some: typeof read) =>
      some.filter(({ message }) => message.sender === name).length;
    assert.equal(mark.n, read.length);
    assert.equal(mark.own, own(read));
    const shown = await run(core, getRoom, { room }, as(name));
    assert.equal(shown.unread, since.length - own(since), `${name}'s unread`);
    assert.equal(shown.read, mark.seq);
    assert.equal(shown.lastMessage?.seq, messagesOf(log).at(-1)?.seq);
  }
}
