// A device that talks through the ends of servers.
import { Client } from "../protocol/client.ts";
import type { Device } from "../protocol/device.ts";
import { pickNumber, type Random } from "../protocol/random.ts";

const BURST = 12;
/** Of a sender's latest messages, repeats of so many are recognised in any case. */
const SURELY_REMEMBERED = 200;

/** More than this unanswered is repeated first, to stay below what a socket may have in flight. */
const UNANSWERED = 40;

/** Talks without a pause, through the ends of servers, until told to end; then until all is answered. */
export async function talk(
  servers: { readonly url: Promise<string> },
  device: Device,
  random: Random,
  isOver: () => boolean,
): Promise<void> {
  for (;;) {
    if (!device.isConnected) {
      await device.drop();
      const client = new Client(
        `${(await servers.url).replace("http", "ws")}/api/v1/ws`,
      );
      // It may be killed at any moment, even before the first word.
      const isOpen = await client.opened.then(() => true, () => false);
      if (!isOpen || !await device.connect(client)) continue;
    }
    const answered = [...device.answers.keys()].slice(-SURELY_REMEMBERED);
    if (answered.length > 0 && random() < 0.2) {
      device.repeat(answered[pickNumber(random, 0, answered.length - 1)]!);
    }
    const isLast = isOver();
    if (!isLast && device.unanswered.length <= UNANSWERED) {
      const count = device.said.size;
      device.say(
        ...Array.from(
          { length: pickNumber(random, 1, BURST) },
          (_, i) => `${"x".repeat(pickNumber(random, 0, 300))} ${count + i}`,
        ),
      );
    }
    if (await device.answered() && isLast) return;
  }
}
