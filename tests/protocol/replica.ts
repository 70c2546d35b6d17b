// A client that shows rooms: it loads them once, then goes by what it is told; and the fresh snapshots to hold it against.
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { type Client, type Frame, unlessClosed } from "./client.ts";
import {
  fold,
  foldLoaded,
  foldWelcome,
  type Loaded,
  present,
  type View,
} from "./fold.ts";
import type { Answer, Person, Served } from "./world.ts";

/** How often everybody is asked for a sign of life until what is missing counts as never sent. */
const TURNS = 50;
/** How often after they agree, to see that nothing comes which says otherwise. */
const FURTHER_TURNS = 1;

export class Replica {
  /** Null before the first hello and after the end of the session. */
  view: View | null = null;
  client!: Client;
  #seen = 0;

  constructor(
    private readonly server: Served,
    readonly person: Person,
    readonly options: { readonly batch: boolean },
  ) {}

  /** Connects, resuming what it has. */
  async connect(): Promise<void> {
    this.client = await this.server.open();
    this.#seen = 0;
    const rooms = Object.values(this.view?.rooms ?? {});
    const welcome = await this.client.command("hello", {
      token: this.person.token,
      resume: Object.fromEntries(
        rooms.map(({ room, asOf }) => [
          room.id,
          { epoch: room.epoch, seq: asOf },
        ]),
      ),
      batch: this.options.batch,
    });
    this.view = foldWelcome(this.view, welcome);
    const resumed = new Set(welcome.resumed);
    for (const { id } of welcome.rooms) {
      if (!resumed.has(id)) await this.#load(id);
    }
  }

  async drop(): Promise<void> {
    await this.client.terminate();
    await this.catchUp();
  }

  /** Takes in what was received so far, in the order received. */
  async catchUp(): Promise<void> {
    this.client.requireFit();
    const { frames } = this.client;
    while (this.view !== null && this.#seen < frames.length) {
      const frame = frames[this.#seen++];
      if (frame.type === "reply") continue;
      this.view = fold(this.view, frame);
      if (frame.type === "room.added") await this.#load(frame.data.id);
    }
  }

  async #load(room: string): Promise<void> {
    const loaded = await loadRoom(this.server, this.person, room);
    // Gone again by now: what was received next says so.
    if (loaded) this.view = foldLoaded(this.view!, room, loaded);
  }
}

/**
 * Throws unless all replicas come to show what fresh snapshots say, and go on to. What is under way is given turns,
 * not time: in each turn every connection answers a ping.
 *
 * @param turn what else is to happen in each turn
 */
export async function requireAgreement(
  server: Served,
  replicas: readonly Replica[],
  turn: () => Promise<void> = async () => {},
): Promise<void> {
  let further = 0;
  for (let turns = 0; further <= FURTHER_TURNS; turns++) {
    await turn();
    for (const replica of replicas) {
      if (replica.view !== null) await unlessClosed(replica.client.settle());
      await replica.catchUp();
    }
    const fresh = new Map<Person, View | null>();
    let agree = true;
    for (const { person, view } of replicas) {
      if (!fresh.has(person)) fresh.set(person, await snapshot(server, person));
      const shown = view && present(view);
      const expected = fresh.get(person)!;
      if (isDeepStrictEqual(shown, expected)) continue;
      agree = false;
      if (further > 0 || turns >= TURNS) {
        assert.deepEqual(shown, expected, `what ${person.username} sees`);
      }
    }
    if (agree) further++;
  }
}

/** All that a user can read of their rooms, read afresh; null where the user is gone. */
export async function snapshot(
  server: Served,
  person: Person,
): Promise<View | null> {
  const { status, body: me } = await server.ask(person, "GET", "/users/me");
  if (status === 401) return null;
  const rooms: View["rooms"][string][] = [];
  for await (const room of readList(server, person, "/rooms")) {
    const loaded = await loadRoom(server, person, room.id);
    if (loaded === null) continue;
    const { members, messages, asOf } = loaded;
    rooms.push({
      room,
      asOf,
      members: Object.fromEntries(members.map((one) => [one.user.id, one])),
      messages: Object.fromEntries(messages.map((one) => [one.id, one])),
    });
  }
  return {
    me,
    rooms: Object.fromEntries(rooms.map((one) => [one.room.id, one])),
  };
}

/** Members and all messages of a room; null where one may not read it. */
async function loadRoom(
  server: Served,
  person: Person,
  room: string,
): Promise<Loaded | null> {
  const path = `/rooms/${room}`;
  const members = await server.ask(person, "GET", `${path}/members`);
  if (members.status === 404) return null;
  assert.equal(members.body.nextCursor, null);
  const messages: Frame[] = [];
  for (let page: Answer["body"] = { hasMore: true }; page.hasMore;) {
    const after = messages.at(-1)?.seq ?? 0;
    const query = `after=${after}&limit=100`;
    const read = await server.ask(person, "GET", `${path}/messages?${query}`);
    if (read.status === 404) return null;
    page = read.body;
    messages.push(...page.items);
  }
  const { items, asOf } = members.body;
  return { asOf, members: items, messages };
}

async function* readList(
  server: Served,
  person: Person,
  path: string,
): AsyncGenerator<Frame> {
  let cursor: string | null = "";
  do {
    const query: string = cursor === "" ? "" : `?cursor=${cursor}`;
    const { body }: Answer = await server.ask(person, "GET", path + query);
    yield* body.items;
    cursor = body.nextCursor;
  } while (cursor !== null);
}
