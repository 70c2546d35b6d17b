// The bench's Socket.IO client: what it makes of packets, and that a talk of which something was lost is void.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Spreads } from "../../bench/report.ts";
import { Crowd } from "../../bench/generator/crowd.ts";
import { SocketIoClient } from "../../bench/peers/client.ts";
import { isReached, linesOf } from "../../bench/peers/comparison.ts";
import { Reader } from "../../bench/peers/reader.ts";

const ROOM = "lobby";
const PEOPLE = 3;

function messagePacket(seq: number, text = `@${seq}000 x`): string {
  const message = { seq, room: ROOM, sender: "ada", text, at: "2026-01-01" };
  return `42${JSON.stringify(["message", message])}`;
}

function read(packets: readonly string[], thorough = false) {
  const told: unknown[] = [];
  const reader = new Reader({
    greeted: () => told.push("greeted"),
    pinged: () => told.push("pinged"),
    acknowledged: (id, seq) => told.push([id, seq]),
    delivered: (stamp) => told.push(stamp),
  }, thorough);
  for (const packet of packets) {
    const bytes = Buffer.from(`before${packet}after`);
    reader.read(bytes, 6, bytes.length - 5);
  }
  return { told, reader };
}

Deno.test("a peer's Reader tells greetings, pings and acknowledgements apart", () => {
  const { told } = read([
    '0{"sid":"a","upgrades":[],"pingInterval":25000}',
    '40{"sid":"b"}',
    '430[{"ok":true}]',
    "2",
    '4312[{"ok":true,"seq":34}]',
  ]);
  assert.deepEqual(told, ["greeted", "greeted", [0, 0], "pinged", [12, 34]]);
});

Deno.test("a peer's Reader counts messages in whatever order, and has a head once none is missing", () => {
  const [one, two, three] = [1, 2, 3].map((seq) => messagePacket(seq));
  const headAfter = (...packets: (string | undefined)[]) =>
    read(packets.map((packet) => packet!)).reader.headOf(ROOM);
  assert.equal(headAfter(), 0);
  assert.equal(headAfter(one, two), 2);
  assert.equal(headAfter(one, three), undefined);
  assert.equal(headAfter(three, one, two), 3);
  assert.equal(read([one!, three!]).reader.events, 2);
  assert.throws(() => headAfter(one, two, one), /Message 1 came twice/);
});

Deno.test("a thorough one reads the time of every message that has one", () => {
  const packets = [messagePacket(2), messagePacket(1, "hi"), messagePacket(3)];
  assert.deepEqual(read(packets, true).told, [2000, 3000]);
  assert.deepEqual(read(packets).told, []);
});

Deno.test("a peer's Reader throws at a refusal and at what it does not know", () => {
  assert.throws(() => read(['431[{"ok":false}]']), /refused/);
  for (const packet of ["1", '44{"message":"no"}', '42["other",{}]']) {
    assert.throws(() => read([packet]), /The peer sent/);
  }
});

Deno.test("a talk with a peer settles when everything has come to everybody", async () => {
  await using peer = servePeer();
  const crowd = await talk(peer);
  await crowd.settle();
  crowd.close();
  assert.deepEqual(peer.texts.map((text) => text.length), [200, 200, 200]);
});

Deno.test("a talk with a peer is void where one did not get a message, the last one too", async () => {
  for (const withheld of [1, PEOPLE]) {
    await using peer = servePeer(withheld);
    const crowd = await talk(peer);
    await assert.rejects(crowd.settle(100), /never came back/);
    crowd.close();
  }
});

Deno.test("ours is far enough ahead where its median is five times the peer's, whatever single runs did", () => {
  const theirs = spread(100, 90, 200);
  assert.equal(isReached(spread(500, 100, 900), theirs), true);
  assert.equal(isReached(spread(499, 499, 900), theirs), false);
  assert.equal(isReached(spread(500, 500, 500), {}), false);
});

Deno.test("the comparison says how many times better ours is, of times and costs too", () => {
  const middle = (median: number) => ({ median, least: 1, most: 90 });
  const lines = linesOf(
    { ackP99: middle(10), serverCores: middle(1) },
    { ackP99: middle(25), serverCores: middle(2) },
  );
  assert.match(
    lines[1]!,
    /^ack p99 ms +10\.0 \(1\.0–90\.0\) +25\.0 .* 2\.5 times$/,
  );
  assert.match(lines[2]!, /^server cores +1\.00 \S+ +2\.00 \S+$/);
});

function spread(median: number, least: number, most: number): Spreads {
  return { acked: { median, least, most } };
}

/** Everybody has sent one message. */
async function talk(peer: { readonly sockets: string[] }): Promise<Crowd> {
  const seats = Array.from(
    { length: PEOPLE },
    (_, i) => ({ token: `user${i}`, room: ROOM }),
  );
  const options = { batch: false, subscribed: true };
  const crowd = await Crowd.open(peer, seats, options, SocketIoClient.enter);
  crowd.talk();
  return crowd;
}

/** Speaks as Socket.IO does. One message may be withheld from whoever came first; whoever answers no ping is not let in. */
function servePeer(withheld?: number) {
  const inside: WebSocket[] = [];
  const texts: string[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      const answers: [RegExp, (id: string, body: string) => void][] = [
        [/^40()(\{"name":"user\d"\})$/, () => socket.send('40{"sid":"b"}')],
        [/^42(0)(\["join","lobby"\])$/, () => socket.send("2")],
        [/^3()()$/, () => {
          inside.push(socket);
          socket.send('430[{"ok":true}]');
        }],
        [/^42(\d+)(\["message",.*)$/, (id, body) => {
          const [, { room, text }] = JSON.parse(body);
          assert.equal(room, ROOM);
          const seq = texts.push(text);
          inside.forEach((other, i) => {
            if (i > 0 || seq !== withheld) other.send(messagePacket(seq, text));
          });
          socket.send(`43${Number(id)}[{"ok":true,"seq":${seq}}]`);
        }],
      ];
      socket.onopen = () => socket.send('0{"sid":"a"}');
      socket.onmessage = ({ data }) => {
        for (const [pattern, answer] of answers) {
          const found = String(data).match(pattern);
          if (found !== null) return answer(found[1]!, found[2]!);
        }
        socket.close(1002);
      };
      return response;
    },
  );
  const query = "EIO=4&transport=websocket";
  return {
    sockets: [`ws://127.0.0.1:${server.addr.port}/socket.io/?${query}`],
    texts,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
