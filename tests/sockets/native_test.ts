// What only Deno's native socket does: the runtime gives a silent peer up by itself, and tells of it twice.
import assert from "node:assert/strict";
import { attendNative } from "../../realtime/sockets/native.ts";
import { OPCODE, RawClient } from "./raw_client.ts";

Deno.test("native: a peer that answers no ping is given up by the runtime, and told as 1006, once", async () => {
  const closed: number[] = [];
  const upgrades: WebSocket[] = [];
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
  }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, {
      idleTimeout: 0.02,
    });
    upgrades.push(socket);
    socket.onopen = () =>
      attendNative(
        socket,
        () => ({
          text: () => {},
          binary: () => {},
          alive: () => {},
          closed: (code) => void closed.push(code),
        }),
        (thrown) => assert.fail(String(thrown)),
      );
    return response;
  });
  const { client } = await RawClient.open(server.addr.port);
  assert.equal((await client.read())?.opcode, OPCODE.ping);
  assert.equal((await client.readClose())?.code, 1001);
  assert.equal(await client.read(), null);
  await server.shutdown();
  assert.equal(upgrades[0]?.readyState, WebSocket.CLOSED);
  assert.deepEqual(closed, [1006]);
  await client.end();
});
