// The storm: many people talking at once over connections that break all the time, and what must hold at its end.
import assert from "node:assert/strict";
import type { Client } from "./client.ts";
import { Device } from "./device.ts";
import { readHistory, requireExactlyOnce } from "./exactly_once.ts";
import { fork, pickNumber, pickWeighted, type Random } from "./random.ts";
import type { Person, Served } from "./world.ts";

const SENDERS = 20;
const MESSAGES_EACH = 250;
/** More than this unanswered is repeated in peace, to stay below what a socket may have in flight. */
const UNANSWERED = 40;

/** Whoever serves: one isolate, or several between which each request and each connection may choose. */
export type Serving = Pick<
  Served,
  "join" | "group" | "ask" | "open" | "connect"
>;

/**
 * 20 senders, 5,000 messages, broken connections, lost answers, repeats, other events between. Throws unless
 * everybody sees the same log, each message once.
 */
export async function storm(server: Serving, random: Random): Promise<void> {
  const people: Person[] = [];
  for (let i = 0; i < SENDERS; i++) {
    people.push(await server.join(`sender${i}`));
  }
  const room = await server.group(...people);
  const place = async () =>
    (await server.ask(people[0]!, "GET", `/rooms/${room}`)).body;
  const from = await place();
  const deviceOf = ({ id, token }: Person, i: number) =>
    new Device({ user: id, token, room, from, batch: i % 2 === 0 });

  // One that never loses its connection, to know by what was stored whose answer is to be lost.
  const witness = await server.connect(people[0]!);
  const devices = people.map(deviceOf);
  let isOver = false;
  const talking = Promise.all(
    devices.map((device) => talk(server, device, witness, fork(random))),
  ).finally(() => isOver = true);
  await Promise.all([
    talking,
    changeRoles(server, room, people, () => isOver),
  ]);

  const head = (await place()).seq;
  const fresh = people.slice(0, 2).map(deviceOf);
  for (const device of [...devices, ...fresh]) {
    if (!device.isConnected) await reconnect(server, device);
    assert.ok(await device.reached(head));
  }
  const history = await readHistory(async (query) =>
    (await server.ask(people[0]!, "GET", `/rooms/${room}/messages?${query}`))
      .body
  );
  assert.equal(history.length, SENDERS * MESSAGES_EACH);
  requireExactlyOnce(devices, history);
  for (const { events } of fresh) {
    assert.deepEqual(events, devices[0]!.events);
  }

  const total = (what: "connections" | "lostAnswers" | "repeats") =>
    devices.reduce((sum, { tally }) => sum + tally[what], 0);
  const [connections, lost, repeats] = [
    total("connections"),
    total("lostAnswers"),
    total("repeats"),
  ];
  console.log(
    `${connections} connections, ${lost} lost answers, ${repeats} other repeats`,
  );
  // Else nothing of this was tried.
  assert.ok(connections > 3 * SENDERS && lost > SENDERS && repeats > SENDERS);
}

/** Says what is to be said, in bursts, and loses the connection in every way there is. */
async function talk(
  server: Serving,
  device: Device,
  witness: Client,
  random: Random,
): Promise<void> {
  const { user } = device.options;
  while (device.answers.size < MESSAGES_EACH) {
    if (!device.isConnected) await reconnect(server, device);
    const burst = Array.from(
      {
        length: Math.min(
          pickNumber(random, 1, 10),
          MESSAGES_EACH - device.said.size,
        ),
      },
      (_, i) =>
        `${"é".repeat(pickNumber(random, 0, 60))} ${device.said.size + i}`,
    );
    const peace = device.unanswered.length > UNANSWERED;
    const how = pickWeighted(random, {
      wait: peace ? 1 : 12,
      cut: peace ? 0 : 3,
      cutAtAnswer: peace ? 0 : 2,
      deafen: peace ? 0 : 2,
      cutAtHello: peace ? 0 : 1,
    });
    const answered = [...device.answers.keys()];
    if (answered.length > 0 && random() < 0.3) {
      device.repeat(answered[pickNumber(random, 0, answered.length - 1)]!);
    }
    if (how === "deafen") device.deafen();
    if (!peace) device.say(...burst);

    if (how === "wait") await device.answered();
    else if (how === "cutAtAnswer") await device.firstAnswer();
    else if (how === "deafen" && burst.length > 0) {
      const last = [...device.said.keys()].at(-1);
      await witness.until(({ type, data }) =>
        type === "message.created" && data.sender === user &&
        data.clientId === last
      );
    } else if (how === "cutAtHello") {
      await device.drop();
      const hello = device.connect(await server.open());
      await device.drop();
      await hello;
    }
    if (how !== "wait") await device.drop();
  }
}

/** Events between the messages, whose frames take reading: members become admins and members again. */
async function changeRoles(
  { ask }: Serving,
  room: string,
  [owner, ...others]: readonly Person[],
  isOver: () => boolean,
): Promise<void> {
  for (let i = 0; !isOver(); i++) {
    const role = Math.floor(i / others.length) % 2 === 0 ? "admin" : "member";
    const path = `/rooms/${room}/members/${others[i % others.length]!.id}`;
    const { status } = await ask(owner!, "PATCH", path, { role });
    assert.equal(status, 200);
  }
}

async function reconnect(server: Serving, device: Device): Promise<void> {
  await device.drop();
  await device.connect(await server.open());
}
