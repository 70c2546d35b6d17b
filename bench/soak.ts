// An hour's soak: a steady talk while people come and go and resume; what grows is shown, with its slope.
import { type Seat } from "./generator/crowd.ts";
import { Client, type Places } from "./generator/client.ts";
import { pace } from "./generator/pace.ts";
import { Samples, slopeOf } from "./generator/samples.ts";
import type { Layout, Seeded } from "./layout.ts";
import { type ServerProcess, usageBetween } from "./server.ts";
import { onStage, type StageOptions } from "./stage.ts";
import { seatsIn } from "./talking.ts";

const LAYOUT: Layout = {
  name: "20-rooms-of-50",
  users: 1000,
  rooms: [{ count: 20, members: 50 }],
};
const MESSAGES_PER_SECOND = 500;
/** So many leave a second, and as many come. Half of all are there. */
const CHANGES_PER_SECOND = 5;
const MINUTE_MS = 60_000;
/** What is loaded, compiled and cached in the first minutes is no growth; of a short soak, in its first tenth. */
const WARM_UP_MINUTES = 5;

export async function soak(
  minutes: number,
  options: StageOptions,
): Promise<void> {
  await onStage(
    { layout: LAYOUT },
    options,
    async ({ serve, seeded, folder }) => {
      const server = await serve();
      const town = new Town(server.sockets[0]!, seeded);
      await town.open();
      const ending = new AbortController();
      const talking = town.talk(ending.signal);
      const watching = watch(server, `${folder}/data`, town, minutes);
      try {
        await Promise.race([watching, talking]);
      } finally {
        ending.abort();
        town.close();
      }
    },
  );
}

/** Everybody, of whom half are there. */
class Town {
  sent = 0;
  acks = new Samples();
  #eventsOfTheGone = 0;
  readonly #there: { client: Client; seat: Seat }[] = [];
  readonly #away: { seat: Seat; places: Places }[];
  readonly #epochs: ReadonlyMap<string, string>;
  readonly #failed = Promise.withResolvers<never>();

  constructor(private readonly url: string, seeded: Seeded) {
    // Every other one first, so that each room is half full.
    const seats = seatsIn(seeded);
    const [some, others] = [0, 1].map((half) =>
      seats.filter((_, i) => i % 2 === half)
    );
    this.#away = [...some!, ...others!].map((seat) => ({ seat, places: {} }));
    this.#epochs = new Map(seeded.rooms.map(({ id, epoch }) => [id, epoch]));
  }

  get events(): number {
    return this.#there.reduce(
      (sum, { client }) => sum + client.reader.events,
      this.#eventsOfTheGone,
    );
  }

  async open(): Promise<void> {
    for (let half = this.#away.length / 2; half > 0; half--) await this.#come();
  }

  /** Until the signal; throws what fails. */
  async talk(signal: AbortSignal): Promise<void> {
    let next = 0;
    const send = (dueAt: number) => {
      const { client, seat } = this.#there[next++ % this.#there.length]!;
      client.send(seat.room, dueAt);
      this.sent++;
    };
    const change = () => {
      this.#leave();
      this.#come().catch(this.#failed.reject);
    };
    await Promise.race([
      this.#failed.promise,
      pace(MESSAGES_PER_SECOND, send, signal),
      pace(CHANGES_PER_SECOND, change, signal),
    ]);
  }

  close(): void {
    for (const { client } of this.#there) client.close();
  }

  /** Who has been away longest comes, and gets what was missed: every event is counted on from the last one seen. */
  async #come(): Promise<void> {
    const { seat, places: resume } = this.#away.shift()!;
    const client = await Client.connect(this.url, {
      acknowledged: (_, ms) => this.acks.add(ms),
      failed: this.#failed.reject,
    });
    await client.hello(seat.token, { batch: true, resume });
    this.#there.push({ client, seat });
  }

  /** Who has been there longest leaves without a word. */
  #leave(): void {
    const { client, seat } = this.#there.shift()!;
    client.close();
    this.#eventsOfTheGone += client.reader.events;
    const { room } = seat;
    const seq = client.reader.headOf(room) ?? 0;
    this.#away.push({
      seat,
      places: { [room]: { epoch: this.#epochs.get(room)!, seq } },
    });
  }
}

/** One line a minute; in the end the slope of each column. */
async function watch(
  server: ServerProcess,
  data: string,
  town: Town,
  minutes: number,
): Promise<void> {
  const [bytesBefore, sentBefore] = [databaseBytes(data), town.sent];
  const lines: { minute: number; megabytes: number; perMessage: number }[] = [];
  console.log(
    `\nsoak: 20 rooms of 50, half of them there, ${MESSAGES_PER_SECOND} messages/s, ${CHANGES_PER_SECOND} come and go a second`,
  );
  console.log(
    "minute  server MB  bytes/message  deliveries/s  ack p99 ms  server cores",
  );
  let usage = await server.usage();
  let events = town.events;
  for (let minute = 1; minute <= minutes; minute++) {
    await new Promise((resolve) => setTimeout(resolve, MINUTE_MS));
    const now = await server.usage();
    const line = {
      minute,
      megabytes: now.bytes / 1e6,
      perMessage: (databaseBytes(data) - bytesBefore) /
        (town.sent - sentBefore),
    };
    const perSecond = (town.events - events) / (now.at - usage.at) * 1000;
    console.log([
      String(minute).padStart(6),
      line.megabytes.toFixed(1).padStart(9),
      line.perMessage.toFixed(0).padStart(13),
      perSecond.toFixed(0).padStart(12),
      town.acks.within(0.99).toFixed(1).padStart(10),
      usageBetween(usage, now).serverCores.toFixed(2).padStart(12),
    ].join("  "));
    lines.push(line);
    [usage, events, town.acks] = [now, town.events, new Samples()];
  }
  const late = lines.slice(Math.min(WARM_UP_MINUTES, Math.floor(minutes / 10)));
  const slope = (of: "megabytes" | "perMessage") =>
    slopeOf(late.map((line) => [line.minute, line[of]]));
  console.log(
    `slopes: ${(slope("megabytes") * 60).toFixed(2)} MB an hour, ` +
      `${(slope("perMessage") * 60).toFixed(1)} bytes a message and hour`,
  );
}

/** The file and its journals. */
function databaseBytes(folder: string): number {
  let bytes = 0;
  for (const { name } of Deno.readDirSync(folder)) {
    bytes += Deno.statSync(`${folder}/${name}`).size;
  }
  return bytes;
}
