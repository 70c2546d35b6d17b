// Sockets that do not read: they cost only themselves, and a bounded piece of memory.
import assert from "node:assert/strict";
import { LIMITS } from "../../kv/limits.ts";
import type { SocketPort } from "../../realtime/sockets/port.ts";
import { FakeClock } from "../fake_clock.ts";
import type { Client, Frame } from "./client.ts";
import { range, say } from "./people.ts";
import { type Served, test } from "./world.ts";

/** As large as a message gets: 32,000 bytes. */
const LARGE = "😀".repeat(LIMITS.textCodePoints);
const LARGE_BYTES = 4 * LIMITS.textCodePoints;

/** A socket as the server sees it. */
interface Watched {
  readonly port: SocketPort;
  /** The most that was ever waiting to be sent. */
  highest: number;
  pauses: number;
  writes: number;
}

/** Notes what becomes of each socket that is opened from now on, in order. */
function watchPorts({ realtime }: Served): Watched[] {
  const watched: Watched[] = [];
  const attend = realtime.attend.bind(realtime);
  realtime.attend = (caller, shown) => (port) => {
    const one: Watched = { port, highest: 0, pauses: 0, writes: 0 };
    const { write, pause } = port;
    port.write = (packets) => {
      write.call(port, packets);
      one.writes++;
      one.highest = Math.max(one.highest, port.buffered);
    };
    port.pause = () => {
      one.pauses++;
      pause.call(port);
    };
    watched.push(one);
    return attend(caller, shown)(port);
  };
  return watched;
}

/** Has large messages sent until each of the sockets is over the bound; answers the last `seq`. */
async function untilLagging(
  say: () => Promise<number>,
  watched: readonly Watched[],
): Promise<number> {
  for (let rounds = 0; rounds < 200; rounds++) {
    const seq = await say();
    if (watched.every(({ pauses }) => pauses > 0)) return seq;
  }
  assert.fail("the sockets take everything");
}

function numbers(client: Client, room: string): number[] {
  return client.events(room).map(({ seq }) => seq);
}

test("100 sockets that stop reading: others go on at once, memory is bounded, then lag, bye and 4008", (served) => {
  const clock = new FakeClock();
  return served(async (server) => {
    const [ada, bob, eve] = [
      await server.join("ada"),
      await server.join("bob"),
      await server.join("eve"),
    ];
    const room = await server.group(ada, bob, eve);
    const b = await server.connect(bob);
    const watched = watchPorts(server);
    const stalled: Client[] = [];
    for (let count = 0; count < 100; count++) {
      stalled.push(await server.connect(eve, { batch: count % 2 === 0 }));
      stalled.at(-1)!.socket.pause();
    }
    const last = await untilLagging(async () => {
      const seqs = await say(server, ada, room, ...Array(8).fill(LARGE));
      await b.event(room, seqs.at(-1)!);
      return seqs.at(-1)!;
    }, watched);
    for (let round = 0; round < 5; round++) {
      const [seq] = await say(server, ada, room, LARGE);
      await b.event(room, seq!);
    }
    const bound = LIMITS.lagBytes + 10 * LARGE_BYTES;
    for (const { highest, pauses } of watched) {
      assert.ok(highest <= bound, `${highest} bytes`);
      assert.equal(pauses, 1);
    }
    const first = numbers(b, room)[0]!;
    assert.deepEqual(numbers(b, room), range(first, last + 5));

    const { realtime } = server;
    await clock.advance(LIMITS.lagMs - 1_000);
    await b.settle();
    assert.equal(realtime.hub.of(eve.id).size, 100);
    assert.ok(watched.every(({ port }) => port.buffered > 0));
    await clock.advance(1_000);
    // None of them has heard of its end, and nobody waits for that.
    assert.ok(stalled.every(({ socket }) => socket.readyState === socket.OPEN));
    assert.equal(realtime.hub.of(eve.id).size, 0);
    assert.equal(realtime.hub.topic(room)!.followers.has(eve.id), false);
    assert.equal(realtime.sockets, 1);
    assert.equal(realtime.heartbeat.size, 1);

    const [reads, ...others] = stalled;
    for (const client of others) await client.terminate();
    reads!.socket.resume();
    assert.equal((await reads!.closed).code, 4008);
    const [lag, bye] = reads!.frames.slice(-2);
    assert.deepEqual([lag.type, lag.room], ["lag", room]);
    assert.ok(lag.data.head <= last);
    assert.deepEqual(
      [bye.type, bye.data.code, bye.data.reconnect],
      ["bye", 4008, true],
    );
    assert.deepEqual(
      numbers(reads!, room),
      range(first, numbers(reads!, room).at(-1)!),
    );
    await b.settle();
  }, { clock });
});

test("a socket that reads again in time catches up from the log: room.live, no gap, and stays", (served) => {
  const clock = new FakeClock();
  return served(async (server) => {
    const [ada, eve] = [await server.join("ada"), await server.join("eve")];
    const room = await server.group(ada, eve);
    const watched = watchPorts(server);
    const client = await server.connect(eve);
    for (let round = 0; round < 2; round++) {
      const from = client.frames.length;
      watched[0]!.pauses = 0;
      client.socket.pause();
      await untilLagging(async () => {
        return (await say(server, ada, room, LARGE, LARGE)).at(-1)!;
      }, watched);
      const missed = await say(server, ada, room, ...Array(120).fill(LARGE));
      await clock.advance(LIMITS.lagMs - 1_000);
      client.socket.resume();
      await client.event(room, missed.at(-1)!);
      await client.settle();
      // The network may have taken some more before it was full again.
      const told = client.frames.slice(from).filter(({ type }) =>
        type === "lag" || type === "room.live"
      );
      assert.ok(told.length >= 2);
      told.forEach(({ type, data }, at) => {
        assert.equal(type, at % 2 === 0 ? "lag" : "room.live");
        if (at % 2 === 1) assert.ok(told[at - 1].data.head <= data.seq);
      });
      // It may be live before the last of them was sent.
      assert.ok(told.at(-1).data.seq <= missed.at(-1)!);
      await clock.advance(LIMITS.lagMs);
      await client.settle();
      const [live] = await say(server, ada, room, "live");
      await client.event(room, live!);
    }
    const seqs = numbers(client, room);
    assert.deepEqual(seqs, range(seqs[0]!, seqs.at(-1)!));
    // What is due is counted in characters, of up to three bytes each.
    assert.ok(watched[0]!.highest <= 3 * LIMITS.lagBytes);
  }, { clock });
});

test("a replay is paced by what the socket takes, however large the rooms", (served) =>
  served(async (server) => {
    const [ada, eve] = [await server.join("ada"), await server.join("eve")];
    const rooms: string[] = [];
    for (let made = 0; made < 6; made++) {
      rooms.push(await server.group(ada, eve));
    }
    const seen = await server.connect(eve);
    const resume = Object.fromEntries(
      seen.frames[0].data.rooms.map((
        { id, epoch, seq }: Frame,
      ) => [id, { epoch, seq }]),
    );
    await seen.terminate();
    for (const room of rooms) {
      // Small ones first, so that pages have become long when the large ones come.
      await say(server, ada, room, ..."s".repeat(800));
      await say(server, ada, room, ...Array(100).fill(LARGE));
    }
    const watched = watchPorts(server);
    const client = await server.connect(eve, { resume });
    client.socket.pause();
    // Nothing is read: all that is to be buffered soon is.
    const other = await server.connect(ada);
    for (let count = 0; count < 300; count++) await other.settle();
    client.socket.resume();
    for (const room of rooms) {
      await client.until((frame) =>
        frame.type === "room.live" && frame.room === room
      );
      const from = resume[room].seq;
      assert.deepEqual(numbers(client, room), range(from + 1, from + 900));
    }
    const { highest } = watched[0]!;
    // One page of each of four readers, in bytes: an emoji is two characters, and four bytes.
    assert.ok(highest <= 3 * LIMITS.lagBytes, `${highest} bytes`);
  }));

test("who sends commands and reads no replies is pushed back on, then closed", (served) => {
  const clock = new FakeClock();
  return served(async (server) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    await say(server, ada, room, ...Array(4).fill(LARGE));
    const watched = watchPorts(server);
    const client = await server.connect(ada);
    const other = await server.connect(ada);
    const [mine] = watched;
    client.socket.pause();
    const command = JSON.stringify({ type: "room.history", data: { room } });
    let sent = 0;
    for (; sent < 2_000 && mine!.pauses === 0; sent++) {
      const { writes } = mine!;
      client.send(command);
      // One after another: too many at once are refused, and then the socket is closed for that.
      while (mine!.writes === writes && mine!.pauses === 0) {
        await other.settle();
      }
    }
    // More than once where the network took what there was.
    assert.notEqual(mine!.pauses, 0, "was never paused");
    // What is sent now stays with the client and the network.
    for (let more = 0; more < 200; more++) client.send(command);
    for (let count = 0; count < 50; count++) await other.settle();
    const bound = LIMITS.lagBytes +
      LIMITS.commandsInFlight * (LIMITS.bodyBytes + 1_024);
    assert.ok(mine!.highest <= bound, `${mine!.highest} bytes`);
    await clock.advance(LIMITS.lagMs);
    assert.equal(server.realtime.sockets, 1);
    await client.terminate();
    await other.settle();
  }, { clock });
});

test("of large answers few are made at once, however many are asked for together", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    for (const _ of range(1, 16)) {
      await say(server, ada, await server.group(ada), LARGE);
    }
    const watched = watchPorts(server);
    const client = await server.connect(ada);
    const other = await server.connect(ada);
    client.socket.pause();
    const data = { cursor: "0" };
    for (let asked = 0; asked < LIMITS.commandsInFlight; asked++) {
      client.send(JSON.stringify({ type: "resume", data }));
    }
    // First the network takes what it can.
    for (let count = 0; count < 5_000; count++) {
      if (watched[0]!.highest > LIMITS.shedBytes) break;
      await other.settle();
    }
    for (let count = 0; count < 200; count++) await other.settle();
    // Four pages of half a MiB each are under way when it is seen that the socket lags, or eight,
    // because before an emoji is written two of its four bytes are counted. All would be 32 MiB.
    const bound = LIMITS.lagBytes + 10 * 512 * 1024;
    const { highest } = watched[0]!;
    assert.ok(highest > LIMITS.shedBytes, "nothing was ever waiting");
    assert.ok(highest <= bound, `${highest} bytes`);
    await client.terminate();
    await other.settle();
  }));
