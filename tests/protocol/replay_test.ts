// Any history, seen in three ways, is the same: by who was there all the time, by who came back and resumed,
// and by who reads afresh. And what was taken back is gone from the replay too.
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { seedGiven } from "../seed_given.ts";
import { ReplyError } from "./client.ts";
import { Replica, requireAgreement } from "./replica.ts";
import { type Person, type Served, test } from "./world.ts";

const PEOPLE = 4;
const HISTORIES = 25;
const LONGEST = 40;

interface Step {
  readonly who: number;
  readonly what: keyof typeof DO;
  /** In the channel, otherwise in the group. */
  readonly channel: boolean;
  /** Which message or person it is about: the latest is 0. */
  readonly which: number;
  /** Without waiting for the step before to be told to anybody. */
  readonly hasty: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  who: fc.nat(PEOPLE - 1),
  what: fc.constantFrom<Step["what"]>(
    ...[
      "send",
      "send",
      "send",
      "send",
      "edit",
      "edit",
      "edit",
      "delete",
    ] as const,
    ...["join", "join", "leave", "add", "remove", "role"] as const,
    ...["rename", "read"] as const,
  ),
  channel: fc.boolean(),
  which: fc.nat(7),
  hasty: fc.boolean(),
});

const history = fc.record({
  steps: fc.array(step, { minLength: 5, maxLength: LONGEST, size: "max" }),
  batch: fc.boolean(),
  /** After which part of the steps those who come back go, and after which part of the rest they return. */
  away: fc.tuple(
    fc.double(unit()),
    fc.oneof(fc.double(unit()), fc.constant(1)),
  ),
});

function unit() {
  return { min: 0, max: 1, noNaN: true } as const;
}

test("after any history, who stayed, who resumed and who reads afresh see the same, and nothing that was taken back", async (served) => {
  await fc.assert(
    fc.asyncProperty(
      history,
      ({ steps, batch, away: [from, to] }) =>
        served(async (server) => {
          const past = await Past.begin(server);
          const gone = Math.floor(from * steps.length);
          const back = gone + Math.floor(to * (steps.length - gone));
          const stayed = past.people.map((person) =>
            new Replica(server, person, { batch })
          );
          const resumed = past.people.map((person) =>
            new Replica(server, person, { batch: !batch })
          );
          for (const one of [...stayed, ...resumed]) await one.connect();

          let takenBack: string[] = [];
          let returning: Promise<unknown> = Promise.resolve();
          const comeBack = () => {
            takenBack = [...past.takenBack];
            returning = Promise.all(resumed.map((one) => one.connect()));
            returning.catch(() => {});
          };
          for (let i = 0; i <= steps.length; i++) {
            if (i === gone) { for (const one of resumed) await one.drop(); }
            if (i === back) comeBack();
            const step = steps[i];
            if (step === undefined) break;
            await past.make(step);
            if (!step.hasty) { for (const one of stayed) await one.catchUp(); }
          }
          await returning;
          await requireAgreement(server, [...stayed, ...resumed]);

          for (const { client } of resumed) {
            const received = JSON.stringify(client.frames);
            for (const text of takenBack) {
              assert.ok(!received.includes(text), `${text} was taken back`);
            }
          }
        }),
    ),
    { numRuns: HISTORIES, verbose: 1, ...seedGiven() },
  );
});

/** Rooms in which things happen; what may not be done is refused, which changes nothing. */
class Past {
  /** Texts that were edited away or deleted. */
  readonly takenBack: string[] = [];
  readonly messages: { room: string; id: string; by: Person; text: string }[] =
    [];
  #count = 0;

  private constructor(
    readonly server: Served,
    readonly people: readonly Person[],
    readonly group: string,
    readonly channel: string,
  ) {}

  static async begin(server: Served): Promise<Past> {
    const people: Person[] = [];
    for (let i = 0; i < PEOPLE; i++) {
      people.push(await server.join(`person${i}`));
    }
    const group = await server.group(...people);
    const { body } = await server.ask(people[1]!, "POST", "/rooms", {
      type: "channel",
      name: "Square",
    });
    return new Past(server, people, group, body.id);
  }

  async make(step: Step): Promise<void> {
    const room = step.channel ? this.channel : this.group;
    await DO[step.what](this, {
      ...step,
      by: this.people[step.who]!,
      room,
      other: this.people[step.which % PEOPLE]!,
      message: this.messages.filter((one) => one.room === room)
        .at(-1 - step.which),
    });
  }

  /** A text like no other, no part of any other. */
  newText(): string {
    return `«${++this.#count}»`;
  }

  /** Answers the body, or null where it was refused. */
  async ask(
    by: Person,
    method: string,
    path: string,
    json?: unknown,
    // deno-lint-ignore no-explicit-any
  ): Promise<any> {
    const { status, body } = await this.server.ask(by, method, path, json);
    if (status >= 500) throw new ReplyError(body);
    return status < 400 ? body ?? {} : null;
  }
}

interface Scene extends Step {
  readonly by: Person;
  readonly room: string;
  readonly other: Person;
  readonly message: Past["messages"][number] | undefined;
}

type Doing = (past: Past, scene: Scene) => Promise<void>;

const DO = {
  async send(past, { by, room }) {
    const text = past.newText();
    const path = `/rooms/${room}/messages`;
    const sent = await past.ask(by, "POST", path, { text });
    if (sent) past.messages.push({ room, id: sent.messageId, by, text });
  },
  async edit(past, { room, message }) {
    if (!message) return;
    const text = past.newText();
    const path = `/rooms/${room}/messages/${message.id}`;
    if (await past.ask(message.by, "PATCH", path, { text })) {
      past.takenBack.push(message.text);
      message.text = text;
    }
  },
  async delete(past, { by, which, room, message }) {
    if (!message) return;
    // Often by its author, else by whoever, who may be an owner.
    const who = which % 2 === 0 ? message.by : by;
    const path = `/rooms/${room}/messages/${message.id}`;
    if (await past.ask(who, "DELETE", path)) past.takenBack.push(message.text);
  },
  async join(past, { by }) {
    await past.ask(by, "POST", `/rooms/${past.channel}/join`);
  },
  async leave(past, { by, room }) {
    await past.ask(by, "POST", `/rooms/${room}/leave`);
  },
  async add(past, { by, room, other: { id: userId } }) {
    await past.ask(by, "POST", `/rooms/${room}/members`, { userId });
  },
  async remove(past, { by, room, other }) {
    await past.ask(by, "DELETE", `/rooms/${room}/members/${other.id}`);
  },
  async role(past, { by, room, other, which }) {
    const role = ["owner", "admin", "member", "guest"][which % 4];
    const path = `/rooms/${room}/members/${other.id}`;
    await past.ask(by, "PATCH", path, { role });
  },
  async rename(past, { by, room, which }) {
    const name = which === 0 ? null : past.newText();
    await past.ask(by, "PATCH", `/rooms/${room}`, { name });
  },
  async read(past, { by, room, which }) {
    const seen = await past.ask(by, "GET", `/rooms/${room}`);
    if (seen) {
      const seq = Math.max(0, seen.seq - which);
      await past.ask(by, "PUT", `/rooms/${room}/receipts`, { seq });
    }
  },
} as const satisfies Record<string, Doing>;
