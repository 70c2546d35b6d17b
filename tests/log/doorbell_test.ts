// Who hears a doorbell: the other isolates on the same database, and not who rang.
import assert from "node:assert/strict";
import { ChannelDoorbell } from "../../kv/log/doorbell.ts";

/** Rings on the way are heard before those that are sent after them. */
async function listening(
  names: readonly string[],
  test: (bells: ChannelDoorbell[], heard: number[]) => Promise<void>,
) {
  const end = new AbortController();
  const heard = names.map(() => 0);
  const bells = names.map((name) => new ChannelDoorbell(name));
  const ends = bells.map((bell, i) =>
    bell.listen(() => heard[i]!++, end.signal)
  );
  try {
    await test(bells, heard);
  } finally {
    end.abort();
    await Promise.all(ends);
  }
}

async function until(condition: () => boolean) {
  for (let turns = 0; !condition(); turns++) {
    assert.ok(turns < 2000, "nobody rang");
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

Deno.test("a ring is heard by all other isolates on the database, and by nobody else", () =>
  listening(["a.db", "a.db", "a.db", "b.db", "b.db"], async (bells, heard) => {
    bells[0]!.ring();
    await until(() => heard[1] === 1 && heard[2] === 1);
    // By now what went astray would have come, too.
    bells[3]!.ring();
    await until(() => heard[4] === 1);
    assert.deepEqual(heard, [0, 1, 1, 0, 1]);
  }));

Deno.test("who rings with nobody listening, or after the end, rings in vain", async () => {
  const bell = new ChannelDoorbell("a.db");
  bell.ring();
  const end = new AbortController();
  const listened = bell.listen(() => {}, end.signal);
  end.abort();
  await listened;
  bell.ring();
});

Deno.test("an isolate in another thread hears it, too", async () => {
  const isolate = new Worker(
    URL.createObjectURL(
      new Blob([`
        const channel = new BroadcastChannel("doorbell of a.db");
        channel.onmessage = () => { postMessage("heard"); channel.close(); };
        postMessage("listening");`]),
    ),
    { type: "module" },
  );
  const told = new Promise<void>((resolve) => {
    isolate.onmessage = ({ data }) => {
      if (data === "listening") bells[0]!.ring();
      else resolve();
    };
  });
  let bells: ChannelDoorbell[] = [];
  await listening(["a.db"], async (listening) => {
    bells = listening;
    await told;
  });
  isolate.terminate();
});
