// What isolates hear of each other they hear by the doorbell: here no clock goes that a poll could wait for.
import assert from "node:assert/strict";
import { clustered } from "./isolates.ts";

for (const transport of ["node", "native"] as const) {
  Deno.test(`messages, removals, changed profiles and ended sessions reach the other isolates at once, ${transport} sockets`, () =>
    clustered(async ([here, there, elsewhere]) => {
      const ada = await here.join("ada");
      const bob = await there.join("bob");
      const cara = await elsewhere!.join("cara");
      const room = await here.group(ada, bob);
      const bobs = [await there.connect(bob), await elsewhere!.connect(bob)];
      const adas = await elsewhere!.connect(ada);

      const { body: sent } = await here.ask(
        ada,
        "POST",
        `/rooms/${room}/messages`,
        { text: "hi" },
      );
      for (const socket of [...bobs, adas]) {
        await socket.event(room, sent.seq);
      }

      await here.ask(ada, "PATCH", "/users/me", { displayName: "Countess" });
      for (const socket of [...bobs, adas]) {
        const { data } = await socket.until(({ type }) =>
          type === "user.updated"
        );
        assert.equal(data.displayName, "Countess");
      }

      const members = `/rooms/${room}/members`;
      const caras = await there.connect(cara);
      await here.ask(ada, "POST", members, { userId: cara.id });
      await caras.until(({ type }) => type === "room.added");
      await here.ask(ada, "DELETE", `${members}/${bob.id}`);
      for (const socket of bobs) {
        await socket.until(({ type }) => type === "room.removed");
      }

      await here.ask(bob, "DELETE", "/auth/sessions");
      for (const socket of bobs) assert.equal((await socket.closed).code, 4401);
      for (const isolate of [there, elsewhere!]) {
        const { status } = await isolate.ask(bob, "GET", "/users/me");
        assert.equal(status, 401);
      }
    }, { isolates: 3, transport, stand: true }));
}
