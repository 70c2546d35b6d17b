// What must hold of a room's messages once everybody has all answers, whatever the network and the server went through.
import assert from "node:assert/strict";
import type { Device } from "./device.ts";
import type { Frame } from "./client.ts";

/**
 * Throws unless all devices have the same events and the history the same messages: everything that was said,
 * once, as it was acknowledged, each sender's in the order it was sent.
 *
 * @param history all messages of the room, as a fresh reader gets them
 */
export function requireExactlyOnce(
  devices: readonly Device[],
  history: readonly Frame[],
): void {
  const [first, ...others] = devices;
  const log = first!.events;
  for (const { events } of others) assert.deepEqual(events, log);

  const created = log.filter(({ type }) => type === "message.created");
  assert.deepEqual(history, created.map(({ data }) => data));
  assert.deepEqual(
    history.map(({ n }) => n),
    history.map((_, i) => i + 1),
  );
  const times = history.map(({ at }) => at);
  assert.deepEqual(times, times.toSorted());

  const bySender = Map.groupBy(history, ({ sender }) => sender);
  for (const { said, answers, options } of devices) {
    const mine = bySender.get(options.user) ?? [];
    assert.deepEqual(
      mine.map(({ clientId, text }) => [clientId, text]),
      [...said],
    );
    assert.deepEqual(
      mine.map(({ id, seq, n, at }) => ({ messageId: id, seq, n, at })),
      [...said.keys()].map((clientId) => answers.get(clientId)),
    );
    bySender.delete(options.user);
  }
  assert.deepEqual([...bySender.keys()], [], "somebody else spoke");
}

/** All messages of a room, page by page from the beginning. */
export async function readHistory(
  readPage: (query: string) => Promise<Frame>,
): Promise<Frame[]> {
  const all: Frame[] = [];
  for (let hasMore = true; hasMore;) {
    const page = await readPage(`after=${all.at(-1)?.seq ?? 0}&limit=100`);
    all.push(...page.items);
    hasMore = page.hasMore;
  }
  return all;
}
