// What the store takes alone for what `pages`, `lists` and `comeback` read of it: no server, no sockets, no checks.
import { openStore, type Store } from "../../kv/store.ts";
import { keys } from "../../kv/keys.ts";
import { eachOf } from "../generator/at_once.ts";
import { Samples } from "../generator/samples.ts";
import type { Work } from "../work.ts";
import { comeback } from "./comeback.ts";
import { lists } from "./lists.ts";
import { pages } from "./pages.ts";

const PAGE_ROWS = 51;
const LISTED = 100;

export const storePages: Work = {
  name: "store-pages",
  about: "the rows of `pages` by the store alone, 16 pages at once",
  layout: pages.layout,
  goals: {},
  run({ folder, seeded: { rooms, tokens }, seconds }) {
    const { id, seq } = rooms[0]!;
    const access = [keys.head(id), keys.member(id, userOf(tokens[0]!))];
    const readPage = async (store: Store) => {
      const from = Math.floor(Math.random() * (seq - 2 * PAGE_ROWS)) +
        PAGE_ROWS;
      await store.getMany(access);
      await store.list(keys.messages(id), {
        start: keys.message(id, from),
        limit: PAGE_ROWS,
      });
      await store.get(keys.head(id));
    };
    return measure(folder, async (timed) => {
      await Promise.all(
        tokens.map(() => repeat(seconds, () => timed(readPage))),
      );
    });
  },
};

export const storeLists: Work = {
  name: "store-lists",
  about: "the rows of `lists` by the store alone, one list after the other",
  layout: lists.layout,
  goals: {},
  run({ folder, seeded: { tokens }, seconds }) {
    const user = userOf(tokens[0]!);
    const readList = async (store: Store) => {
      const rooms = await readRoomsOf(store, user);
      await readRooms(store, user, rooms.slice(0, LISTED));
    };
    return measure(folder, (timed) => repeat(seconds, () => timed(readList)));
  },
};

export const storeComeback: Work = {
  name: "store-comeback",
  about: "the rows of the rooms of `comeback` by the store alone, 200 at once",
  layout: comeback.layout,
  goals: {},
  async run({ folder, seeded: { tokens } }) {
    const readBack = async (store: Store, user: string) => {
      await store.get(keys.profile(user));
      await readRooms(store, user, await readRoomsOf(store, user));
    };
    const { answered, ...times } = await measure(
      folder,
      (timed) =>
        eachOf(
          tokens,
          200,
          (token) => timed((store) => readBack(store, userOf(token))),
        ),
    );
    return { ...times, took: tokens.length / answered };
  },
};

/** Their heads are in memory: the doorbell tells whether these still hold. */
async function readRoomsOf(store: Store, user: string): Promise<string[]> {
  const rows = await store.list(keys.memberships(user));
  await store.get(keys.bell());
  return rows.map(({ key }) => String(key.at(-1)));
}

/** The rows that show a room to a member besides what is in memory: what was sent, membership, mark. */
async function readRooms(
  store: Store,
  user: string,
  rooms: readonly string[],
): Promise<void> {
  await store.getMany(rooms.map((room) => keys.sender(room, user)));
  await Promise.all([
    store.getMany(rooms.map((room) => keys.member(room, user))),
    store.getMany(rooms.map((room) => keys.mark(user, room))),
  ]);
}

/** Does what is to be timed, once. */
type Timed = (read: (store: Store) => Promise<void>) => Promise<void>;

async function measure(folder: string, act: (timed: Timed) => Promise<void>) {
  const store = await openStore(`${folder}/data/kvorum.db`);
  const took = new Samples();
  const startedAt = performance.now();
  try {
    await act(async (read) => {
      const askedAt = performance.now();
      await read(store);
      took.add(performance.now() - askedAt);
    });
    return {
      answered: took.count / ((performance.now() - startedAt) / 1000),
      answerP50: took.within(0.5),
      answerP99: took.within(0.99),
    };
  } finally {
    store.close();
  }
}

async function repeat(seconds: number, act: () => Promise<void>) {
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) await act();
}

/** Whose access token it is. */
function userOf(token: string): string {
  const claims = token.split(".")[1]!;
  const bytes = Uint8Array.fromBase64(claims, { alphabet: "base64url" });
  return JSON.parse(new TextDecoder().decode(bytes)).sub;
}
