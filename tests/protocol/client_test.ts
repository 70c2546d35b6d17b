// The tests' own client: what never comes fails and says what it was.
import assert from "node:assert/strict";
import { inTime } from "../in_time.ts";
import { test } from "./world.ts";

Deno.test("inTime() answers what was awaited, or fails", async () => {
  assert.equal(await inTime(Promise.resolve(1), () => "a number"), 1);
  await assert.rejects(
    inTime(Promise.reject(new Error("as it is")), () => "a number"),
    /as it is/,
  );
  await assert.rejects(
    inTime(new Promise(() => {}), () => "a number", 1),
    /Waited in vain for a number/,
  );
});

test("a frame, a reply or an end that never comes fails and says what there was instead", (served) =>
  served(async (server) => {
    const ada = await server.join("ada");
    const client = await server.connect(ada);
    client.patienceMs = 1;
    await assert.rejects(
      client.until(({ type }) => type === "message.created"),
      /in vain for a frame; the last ones were: reply/,
    );
    await assert.rejects(
      client.closed,
      /in vain for the end of a socket; the last frames were: reply/,
    );
  }));
