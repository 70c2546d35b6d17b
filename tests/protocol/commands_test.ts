// Commands of one socket: their order, how many at once, and the frames their answers come in.
import assert from "node:assert/strict";
import { LIMITS } from "../../kv/limits.ts";
import { type Client, type Frame, ReplyError } from "./client.ts";
import { holding } from "./held_store.ts";
import { range, say } from "./people.ts";
import { test } from "./world.ts";

/** The text of every WebSocket frame from now on, as it came. */
function rawFrames(client: Client): string[] {
  const raw: string[] = [];
  client.socket.on("message", (data) => raw.push(data.toString()));
  return raw;
}

test("64 sends in one go take effect in the order they were sent", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    const client = await server.connect(ada);
    for (let round = 0; round < 10; round++) {
      const sent = await Promise.all(
        range(1, LIMITS.commandsInFlight).map((count) =>
          client.command("message.send", { room, text: `${count}` })
        ),
      );
      const seqs = sent.map(({ seq }) => seq);
      assert.deepEqual(seqs, range(seqs[0], seqs[0] + 63));
    }
  }));

test("commands of all kinds on one room see what those before them did", (served) =>
  served(async (server) => {
    const [ada, bob] = [await server.join("ada"), await server.join("bob")];
    const room = await server.group(ada);
    const client = await server.connect(ada);
    for (let round = 0; round < 30; round++) {
      const [, , history, , members, , refused, , mark, , room_] = await Promise
        .all([
          client.command("message.send", { room, text: `a${round}` }),
          client.command("message.send", { room, text: `b${round}` }),
          client.command("room.history", { room, limit: 2 }),
          client.command("member.add", { room, userId: bob.id, role: "guest" }),
          client.command("member.list", { room }),
          client.command("member.remove", { room, userId: bob.id }),
          client.ask("member.remove", { room, userId: bob.id }),
          client.command("message.send", { room, text: "c" }),
          client.command("room.get", { room }).then(({ seq }) =>
            client.command("receipt.read", { room, seq })
          ),
          client.command("room.update", { room, name: `Room ${round}` }),
          client.command("room.get", { room }),
        ]);
      const texts = history.items.map(({ text }: Frame) => text);
      assert.deepEqual(texts, [`a${round}`, `b${round}`]);
      assert.equal(members.items.length, 2);
      assert.equal(refused.error.code, "not_found");
      assert.equal(mark.unread, 0);
      assert.equal(room_.name, `Room ${round}`);
    }
  }));

test("commands on other rooms, and without one, do not wait for a room that is stuck", async (served) => {
  const store = await holding();
  await served(async (server) => {
    const ada = await server.join("ada");
    const [stuck, free] = [await server.group(ada), await server.group(ada)];
    const client = await server.connect(ada);
    const held = store.hold(({ what, key }) =>
      what === "commit" && key[1] === stuck
    );
    const waiting = client.command("message.send", { room: stuck, text: "1" });
    await held.reached;
    await client.command("message.send", { room: free, text: "1" });
    await client.command("room.list");
    await client.settle();
    assert.ok(client.frames.every(({ data }) => data.room !== stuck));
    await held.release();
    await waiting;
  }, { store });
});

test("an acknowledgement never comes before the commit", async (served) => {
  const store = await holding();
  await served(async (server) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    const client = await server.connect(ada);
    const held = store.hold(({ what, key }) =>
      what === "commit" && key[1] === room
    );
    const sent = client.command("message.send", { room, text: "1" });
    await held.reached;
    await client.settle();
    await client.settle();
    assert.equal(client.frames.length, 3, "hello and two pings");
    await held.release();
    await client.event(room, (await sent).seq);
  }, { store });
});

test("at most 64 commands are in flight, the 65th is refused and can be sent again", async (served) => {
  const store = await holding();
  await served(async (server) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    const client = await server.connect(ada);
    const held = store.hold(({ what, key }) =>
      what === "commit" && key[1] === room
    );
    const send = (count: number) =>
      client.command("message.send", {
        room,
        clientId: `${count}`,
        text: `${count}`,
      });
    const sent = range(1, LIMITS.commandsInFlight).map(send);
    await held.reached;
    await assert.rejects(send(65), (thrown) => {
      assert.ok(thrown instanceof ReplyError);
      const { code, retryable, retryAfterMs } = thrown.error;
      assert.deepEqual([code, retryable], ["rate_limited", true]);
      assert.ok(retryAfterMs > 0);
      return true;
    });
    await held.release();
    await Promise.all(sent);
    assert.equal((await send(65)).duplicate, false);
    const { body } = await server.ask(ada, "GET", `/rooms/${room}`);
    assert.equal(body.n, 65);
  }, { store });
});

test("the sender's own sockets get the event too, each once", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    const sockets = [await server.connect(ada), await server.connect(ada)];
    const { seq } = await sockets[0]!.command("message.send", {
      room,
      text: "hi",
    });
    for (const socket of sockets) {
      await socket.event(room, seq);
      await socket.settle();
      assert.equal(socket.events(room).length, 1);
    }
  }));

test("a reply echoes the command's id, null without one", (served) =>
  served(async (server) => {
    const client = await server.open();
    for (const id of ["", "7", "é😀", "\ud800", '"\\', "x".repeat(128), null]) {
      const from = client.frames.length;
      client.send(
        JSON.stringify({ type: "ping", ...(id === null ? {} : { id }) }),
      );
      const reply = await client.until(({ type }) => type === "reply", from);
      assert.deepEqual([reply.ok, reply.id], [true, id]);
    }
  }));

test("unknown fields are ignored, forged ones too: sender, room and numbers are the server's", (served) =>
  served(async (server) => {
    const [ada, eve] = [await server.join("ada"), await server.join("eve")];
    const room = await server.group(ada, eve);
    const private_ = await server.group(ada);
    const client = await server.connect(eve);
    const id = "forged";
    client.send(
      JSON.stringify({
        type: "message.send",
        id,
        sender: ada.id,
        user: ada.id,
        room: private_,
        token: ada.token,
        data: {
          room,
          text: "hi",
          sender: ada.id,
          user: ada.id,
          userId: ada.id,
          owner: ada.id,
          seq: 1,
          n: 99,
          rev: 99,
          id: "mine",
          messageId: "mine",
          at: "2000-01-01T00:00:00.000Z",
          deletedAt: "2000-01-01T00:00:00.000Z",
          __proto__: { sender: ada.id },
        },
      }).replace('"rev"', '"__proto__":{"sender":"x"},"rev"'),
    );
    const { data: sent } = await client.until((frame) => frame.id === id);
    const { data } = await client.event(room, sent.seq);
    assert.equal(data.sender, eve.id);
    assert.deepEqual([data.room, data.n, data.rev], [room, 1, sent.seq]);
    assert.deepEqual([data.id, data.at], [sent.messageId, sent.at]);
    assert.notEqual(data.id, "mine");
    assert.equal(data.deletedAt, undefined);
    const { body } = await server.ask(ada, "GET", `/rooms/${private_}`);
    assert.equal(body.n, 0);
  }));

test("batch: true gets arrays of at most 500 frames and 64 KiB, one object where there is one", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    const client = await server.connect(ada, { batch: true });
    const raw = rawFrames(client);
    const small = Array.from({ length: 1_500 }, (_, i) => `${i}`);
    await client.event(room, (await say(server, ada, room, ...small)).at(-1)!);
    const large = Array.from({ length: 20 }, () => "é".repeat(8_000));
    await client.event(room, (await say(server, ada, room, ...large)).at(-1)!);
    const larger = ["😀".repeat(8_000), "\u2028".repeat(8_000)];
    await client.event(room, (await say(server, ada, room, ...larger)).at(-1)!);

    const counts = raw.map((text) => {
      const parsed = JSON.parse(text);
      const count = Array.isArray(parsed) ? parsed.length : 1;
      assert.ok(!Array.isArray(parsed) || count > 1, "an array of one");
      assert.ok(count <= LIMITS.batchFrames);
      const bytes = new TextEncoder().encode(text).length;
      assert.ok(count === 1 || bytes <= LIMITS.batchBytes, `${bytes} bytes`);
      return count;
    });
    assert.ok(Math.max(...counts) > 100, "nothing was put together");
    const seqs = client.events(room).map(({ seq }) => seq);
    assert.deepEqual(seqs, range(seqs[0], seqs[0] + 1_521));
  }));

test("without batch every frame is one object", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    for (const hello of [{}, { batch: false }]) {
      const client = await server.connect(ada, hello);
      const raw = rawFrames(client);
      const texts = Array.from({ length: 700 }, (_, i) => `${i}`);
      await client.event(
        room,
        (await say(server, ada, room, ...texts)).at(-1)!,
      );
      assert.ok(raw.length >= 700);
      assert.ok(raw.every((text) => text.startsWith("{")));
      await client.terminate();
    }
  }));

test("the same clientId with other content gets the first result, differs: true", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const room = await server.group(ada);
    const client = await server.connect(ada);
    const send = (text: string) =>
      client.command("message.send", { room, clientId: "1", text });
    const first = await send("one");
    assert.deepEqual(await send("one"), { ...first, duplicate: true });
    assert.deepEqual(await send("two"), {
      ...first,
      duplicate: true,
      differs: true,
    });
    await client.settle();
    assert.deepEqual(client.events(room).map(({ data }) => data.text), ["one"]);
  }));
