// Isolates of a process that end by a fault: others take their place, and nobody waits for what is gone.
import assert from "node:assert/strict";
import { Isolates } from "../../routes/isolates.ts";

/** A program for isolates, whose `onmessage` gets what they are told. */
function program(script: string): string {
  return `data:application/javascript,${encodeURIComponent(script)}`;
}

/** Errors as they are logged, and who waits for one. */
function journal() {
  const logged: string[] = [];
  const awaited = new Map<string, () => void>();
  return {
    logged,
    error(event: string) {
      logged.push(event);
      awaited.get(event)?.();
    },
    next: (event: string) =>
      new Promise<void>((resolve) => awaited.set(event, resolve)),
  };
}

Deno.test("an isolate that ends by a fault is started anew, again and again, and stopping waits for none that did not start", async () => {
  const folder = await Deno.makeTempDir();
  // The first one takes the folder and fails later, the second one fails at once, for the folder is taken.
  const script = `onmessage = ({ data }) => {
    try { Deno.mkdirSync(${JSON.stringify(`${folder}/taken`)}) }
    catch { throw "a fault" }
    postMessage("listening");
    setTimeout(() => { throw "a fault" });
  }`;
  const told = journal();
  const failed = told.next("isolate.start");
  try {
    const isolates = await Isolates.start(1, program(script), 0, told, 0);
    await failed;
    const ended = told.next("isolate.ended");
    await Deno.remove(`${folder}/taken`);
    await ended;
    await isolates.stop();
    assert.deepEqual(
      new Set(told.logged),
      new Set(["isolate.ended", "isolate.start"]),
    );
    assert.equal(told.logged[0], "isolate.ended");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an isolate that says why it can't start fails the start of all", async () => {
  const script = `onmessage = () => {
    postMessage({ failed: "no room" });
    close();
  }`;
  await assert.rejects(
    Isolates.start(2, program(script), 0, journal()),
    /no room/,
  );
});

Deno.test("an isolate that ends by a fault while it is to stop has stopped", async () => {
  const script = `onmessage = ({ data }) => {
    if (data === "stop") throw "a fault";
    postMessage("listening");
  }`;
  const told = journal();
  const isolates = await Isolates.start(2, program(script), 0, told, 0);
  await isolates.stop();
  assert.deepEqual(told.logged, []);
});
