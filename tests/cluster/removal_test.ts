// Who may not read gets nothing, whichever isolate serves them and however late it runs.
import assert from "node:assert/strict";
import type { Client } from "../protocol/client.ts";
import { range } from "../protocol/people.ts";
import { openRandom, pickNumber } from "../protocol/random.ts";
import type { Person } from "../protocol/world.ts";
import { clustered, type Isolate } from "./isolates.ts";

const ROUNDS = 1_000;
const FROZEN_MS = 10_000;
/** More than the doorbell keeps for an isolate that does not listen. */
const RINGS = 300;

async function must(
  isolate: Isolate,
  who: Person,
  method: string,
  path: string,
  json?: unknown,
) {
  const { status, body } = await isolate.ask(who, method, path, json);
  assert.ok(status < 300, `${method} ${path}: ${status}`);
  return body;
}

/** Says things through a socket without waiting; answers their numbers. */
function say(client: Client, room: string, texts: readonly string[]) {
  return Promise.all(texts.map(async (text) => {
    const { seq } = await client.command("message.send", { room, text });
    return seq as number;
  }));
}

/** Says things one after the other; answers their numbers. */
async function talk(client: Client, room: string, count: number) {
  const seqs: number[] = [];
  while (seqs.length < count) seqs.push(...await say(client, room, ["so?"]));
  return seqs;
}

/** Frames of a room up to its `room.removed`, of those from number `from` on. Throws unless that is the last of them. */
function upToRemoval(client: Client, room: string, from: number) {
  const frames = client.frames.slice(from);
  const back = frames.findIndex(({ type, data }) =>
    type === "room.added" && data.id === room
  );
  const own = (back < 0 ? frames : frames.slice(0, back))
    .filter((frame) => frame.room === room);
  assert.equal(own.at(-1)?.type, "room.removed");
  return own;
}

for (const transport of ["node", "native"] as const) {
  Deno.test(`removals raced against delivery ${ROUNDS} times between two isolates, ${transport} sockets: not one frame too many, no gap`, () =>
    clustered(async ([here, there]) => {
      const random = openRandom("removal");
      const ada = await here.join("ada");
      const bob = await here.join("bob");
      const room = await here.group(ada, bob);
      const members = `/rooms/${room}/members`;
      // Both are served by both, so that each isolate removes, sends and delivers.
      const [a, b] = [await here.connect(ada), await there.connect(ada)];
      const sockets = [
        await here.connect(bob, { batch: true }),
        await there.connect(bob),
      ];
      let races = 0;
      let ends = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const from = sockets.map(({ frames }) => frames.length);
        const fromA = a.frames.length;
        const remover = random() < 0.5 ? here : there;
        const [, ...raced] = await Promise.all([
          must(remover, ada, "DELETE", `${members}/${bob.id}`),
          talk(a, room, pickNumber(random, 0, 4)),
          talk(b, room, pickNumber(random, 0, 4)),
        ]);
        await say(a, room, ["secret"]);
        for (const [i, socket] of sockets.entries()) {
          await socket.until(({ type }) => type === "room.removed", from[i]);
        }
        const { seq: removedAt } = await a.until(
          ({ type, data }) => type === "member.left" && data.user.id === bob.id,
          fromA,
        );
        await must(here, ada, "POST", members, { userId: bob.id });
        for (const [i, socket] of sockets.entries()) {
          await socket.until(({ type }) => type === "room.added", from[i]);
          const seqs = upToRemoval(socket, room, from[i]!)
            .slice(0, -1).map(({ seq }) => seq);
          assert.deepEqual(seqs, range(seqs[0] ?? 0, seqs.at(-1) ?? -1));
          // Removed while still reading what came since the joining, a socket is told the end at once.
          if (seqs.at(-1) === removedAt) ends++;
          else assert.ok(seqs.every((seq) => seq < removedAt));
        }
        if (raced.flat().some((seq) => seq > removedAt)) races++;
      }
      console.log(`${races} removals met messages on their way`);
      console.log(`${ends} of ${2 * ROUNDS} ends were seen in the log`);
      // Else nothing of this was tried.
      assert.ok(races > ROUNDS / 10);
      assert.ok(ends > ROUNDS);
      const [last] = await say(a, room, ["end"]);
      for (const socket of [a, b, ...sockets]) await socket.event(room, last!);
      for (const socket of [a, b]) {
        const seqs = socket.events(room).map(({ seq }) => seq);
        assert.deepEqual(seqs, range(seqs[0], last!), "the others miss none");
      }
    }, { isolates: 2, transport }));
}

for (const transport of ["node", "native"] as const) {
  Deno.test(`an isolate that was frozen for ten seconds delivers nothing above a removal, ends ended sessions, shows changed profiles, ${transport} sockets`, () =>
    clustered(async ([here, frozen]) => {
      const ada = await here.join("ada");
      const bob = await here.join("bob");
      const cara = await here.join("cara");
      const dan = await here.join("dan");
      const room = await here.group(ada, bob, cara, dan);
      const [a, b, c] = [
        await here.connect(ada),
        await frozen.connect(bob),
        await frozen.connect(cara),
      ];
      // Signed in, and known to the isolate that will be frozen.
      const d = await frozen.connect(dan);
      await must(frozen, dan, "GET", "/users/me");
      const [before] = await say(a, room, ["before"]);
      for (const socket of [b, c, d]) await socket.event(room, before!);

      const thaw = frozen.freeze();
      const [seen] = await say(a, room, ["seen by all"]);
      await must(here, ada, "DELETE", `/rooms/${room}/members/${bob.id}`);
      await must(here, ada, "PATCH", `/rooms/${room}/members/${cara.id}`, {
        role: "guest",
      });
      await must(here, ada, "PATCH", "/users/me", { displayName: "Countess" });
      await must(here, dan, "DELETE", "/auth/sessions");
      await talk(a, room, RINGS);
      const [secret] = await say(a, room, ["secret"]);
      // What they do now waits for the thaw, and must be judged by what holds then.
      const refusals = [
        b.ask("message.send", { room, text: "still here?" }),
        c.ask("message.send", { room, text: "guests only read" }),
        b.ask("room.history", { room }),
      ];
      const byRest = frozen.ask(dan, "GET", "/users/me");
      let answered = 0;
      for (const answer of [...refusals, byRest]) {
        void answer.then(() => answered++);
      }
      await new Promise((resolve) => setTimeout(resolve, FROZEN_MS));
      assert.equal(answered, 0, "it was not frozen");
      thaw();

      await b.until(({ type }) => type === "room.removed");
      const own = upToRemoval(b, room, 0);
      assert.deepEqual(
        own.slice(0, -1).map(({ seq }) => seq),
        range(before!, seen! + 1),
      );
      const codes = (await Promise.all(refusals)).map(({ error }) =>
        error?.code
      );
      assert.deepEqual(codes, ["not_found", "forbidden", "not_found"]);
      assert.equal((await d.closed).code, 4401);
      assert.ok(d.frames.every(({ seq = 0 }) => seq < secret!));
      assert.equal((await byRest).status, 401);

      await c.event(room, secret!);
      const seqs = c.events(room).map(({ seq }) => seq);
      assert.deepEqual(seqs, range(before!, secret!));
      const { data } = await c.until(({ type }) => type === "user.updated");
      assert.equal(data.displayName, "Countess");
    }, { isolates: 2, transport }));
}
