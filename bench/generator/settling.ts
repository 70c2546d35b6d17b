// When a talk is over: everything that was sent was acknowledged and numbered once, and has come to whoever listens.

/** Somebody who talks in a room. */
export interface Talker {
  /** Its head is the event up to which all of the room's have come. */
  readonly reader: { headOf(room: string): number | undefined };
  readonly inFlight: number;
  /** How many of its messages were acknowledged. */
  readonly acknowledgedCount: number;
  /** Of its message that was acknowledged last, 0 where there is none. */
  readonly acknowledgedSeq: number;
}

/** A talker and the room it talks in. */
export interface Seated {
  readonly talker: Talker;
  readonly room: string;
}

export interface Talk {
  /** Whether all are told what is said. */
  readonly listening: boolean;
  /** Whether what is said is stored, and so has numbers. */
  readonly numbered: boolean;
}

interface RoomTold {
  acknowledged: number;
  head: number;
}

/** Nothing that is in flight takes this long, unless it was lost. */
const PATIENCE_MS = 20_000;
const LOOK_SECONDS = 0.02;

export class Settling {
  /** Where each room stood. */
  readonly #began: ReadonlyMap<string, number>;

  /** To be made when all have come in and before anybody talks. */
  constructor(
    private readonly seated: readonly Seated[],
    private readonly talk: Talk,
  ) {
    this.#began = new Map(
      seated.map(({ talker, room }) => [room, talker.reader.headOf(room) ?? 0]),
    );
  }

  /** @param pass waits so many seconds, and throws what fails meanwhile */
  async wait(
    pass: (seconds: number) => Promise<unknown>,
    patienceMs = PATIENCE_MS,
  ): Promise<void> {
    const until = performance.now() + patienceMs;
    while (!this.#isSettled()) {
      if (performance.now() > until) {
        throw new Error("Something that was sent never came back.");
      }
      await pass(LOOK_SECONDS);
    }
  }

  #isSettled(): boolean {
    if (this.seated.some(({ talker }) => talker.inFlight > 0)) return false;
    if (!this.talk.numbered) return true;
    const told = this.#told();
    for (const [room, { head, acknowledged }] of told) {
      const numbers = head - this.#began.get(room)!;
      if (numbers !== acknowledged) {
        throw new Error(
          `${acknowledged} messages of a room were acknowledged, under ${numbers} numbers.`,
        );
      }
    }
    return !this.talk.listening ||
      this.seated.every(({ talker, room }) =>
        talker.reader.headOf(room) === told.get(room)!.head
      );
  }

  /** What acknowledgements told of each room. */
  #told(): Map<string, RoomTold> {
    const rooms = new Map<string, RoomTold>();
    for (const [room, head] of this.#began) {
      rooms.set(room, { head, acknowledged: 0 });
    }
    for (const { talker, room } of this.seated) {
      const told = rooms.get(room)!;
      told.acknowledged += talker.acknowledgedCount;
      told.head = Math.max(told.head, talker.acknowledgedSeq);
    }
    return rooms;
  }
}
