// When the bench takes a talk for whole: what was acknowledged, its numbers, and what came must agree.
import assert from "node:assert/strict";
import { Client } from "../../bench/generator/client.ts";
import { Settling, type Talker } from "../../bench/generator/settling.ts";

const ROOM = "room";
const BEGAN = 7;

interface Told {
  inFlight: number;
  acknowledged: number;
  acknowledgedSeq: number;
  head: number;
}

/** Two people of whom each sent two messages; `change` says what is otherwise. */
async function settle(
  change: (people: Told[]) => void,
  listening = true,
): Promise<void> {
  const told = [0, 0].map((acknowledgedSeq): Told => (
    { inFlight: 0, acknowledged: 0, acknowledgedSeq, head: BEGAN }
  ));
  const talkers = told.map((one): Talker => ({
    get inFlight() {
      return one.inFlight;
    },
    get acknowledgedCount() {
      return one.acknowledged;
    },
    get acknowledgedSeq() {
      return one.acknowledgedSeq;
    },
    reader: { headOf: () => one.head },
  }));
  const settling = new Settling(
    talkers.map((talker) => ({ talker, room: ROOM })),
    { listening, numbered: true },
  );
  const head = BEGAN + 4;
  Object.assign(told[0]!, { acknowledged: 2, acknowledgedSeq: head - 1, head });
  Object.assign(told[1]!, { acknowledged: 2, acknowledgedSeq: head, head });
  change(told);
  await settling.wait(() => Promise.resolve(), 0);
}

Deno.test("a talk is over when all that was sent was acknowledged and has come to everybody", async () => {
  await settle(() => {});
  const lost = /never came back/;
  await assert.rejects(settle(([one]) => one!.inFlight = 1), lost);
  await assert.rejects(settle(([one]) => one!.head--), lost);
  // Who has unsubscribed is told nothing.
  await settle(([one]) => one!.head = BEGAN, false);
});

Deno.test("a talk is void where acknowledgements and the room's numbers disagree", async () => {
  for (const listening of [true, false]) {
    await assert.rejects(
      settle(([one]) => one!.acknowledged++, listening),
      /5 messages of a room were acknowledged, under 4 numbers/,
    );
    await assert.rejects(
      settle((people) => people.forEach((one) => one.acknowledgedSeq--)),
      /4 messages of a room were acknowledged, under 3 numbers/,
    );
  }
});

Deno.test("a client takes each acknowledgement once, of a message that it has sent", async () => {
  const failed = Promise.withResolvers<unknown>();
  await using server = serveReplies([1, 1]);
  const client = await Client.connect(server.url, { failed: failed.resolve });
  client.send(ROOM);
  client.send(ROOM);
  assert.match(String(await failed.promise), /Message 1 was acknowledged/);
  assert.equal(client.acknowledgedCount, 1);
  client.close();
});

/** Answers whatever comes with these ids, one after the other, and closes. */
function serveReplies(ids: readonly number[]) {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      const left = ids.map(String);
      socket.onmessage = () => {
        const data = { message: "m", seq: 1 };
        const reply = { type: "reply", id: left.shift(), ok: true, data };
        socket.send(JSON.stringify(reply));
        if (left.length === 0) socket.close();
      };
      return response;
    },
  );
  return {
    url: `ws://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
