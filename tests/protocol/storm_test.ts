// The storm against one isolate.
import { openStore } from "../../kv/store.ts";
import { fork, openRandom } from "./random.ts";
import { storm } from "./storm.ts";
import { unsteady } from "./unsteady_store.ts";
import { test } from "./world.ts";

test("20 senders, 5,000 messages, broken connections, lost answers, repeats, other events between: everybody sees the same log, each message once", async (served) => {
  const random = openRandom("storm");
  const store = unsteady(await openStore(":memory:"), fork(random));
  await served((server) => storm(server, random), { store });
});
