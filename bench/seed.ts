// Makes a seeded database, as a process of its own: `seed.ts ‹folder› ‹layout as JSON›`. Accounts are made through the
// store, since hashing passwords would dominate; rooms and messages by the operations that make them in a server.
import { writeAccount } from "../kv/accounts/new_account.ts";
import { newcomerRows, newProfile } from "../kv/accounts/register.ts";
import { newSession } from "../kv/accounts/sessions.ts";
import type { Core } from "../kv/core.ts";
import type { Journal } from "../kv/journal.ts";
import { keys } from "../kv/keys.ts";
import { LIMITS } from "../kv/limits.ts";
import { sendMessage } from "../kv/messages/send.ts";
import type { Principal } from "../kv/principal.ts";
import { createRoom } from "../kv/rooms/create.ts";
import { addToRoom } from "../kv/rooms/members.ts";
import { requireMyRoom } from "../kv/rooms/mine.ts";
import { openStore, requireStored } from "../kv/store.ts";
import { readSettings } from "../kv/settings.ts";
import { start } from "../routes/server.ts";
import { eachOf } from "./generator/at_once.ts";
import type { Layout, RoomsLayout, Seeded, SeededRoom } from "./layout.ts";

/** Seeded databases are kept, so tokens and sessions in them last. */
const LASTS_SECONDS = 7 * 24 * 60 * 60;

const CALLER = { address: "127.0.0.1", agent: "bench" };
const USERS_AT_ONCE = 100;
const ROOMS_AT_ONCE = 16;
/** Half of what may wait for one writer. */
const MESSAGES_AT_ONCE = 10_000;
const TEXT = "x".repeat(200);

if (import.meta.main) {
  const [folder, layout] = Deno.args;
  const seeded = await seed(`${folder}/data/kvorum.db`, JSON.parse(layout!));
  await Deno.writeTextFile(`${folder}/seeded.json`, JSON.stringify(seeded));
}

async function seed(path: string, layout: Layout): Promise<Seeded> {
  const secret = crypto.getRandomValues(new Uint8Array(32)).toBase64();
  const settings = readSettings({
    PORT: "0",
    HOST: "127.0.0.1",
    KV: ":memory:",
    SECRET: secret,
  }, "production");
  const say = (event: string, fields?: unknown) => console.error(event, fields);
  const quiet = () => {};
  const journal: Journal = { debug: quiet, info: quiet, warn: say, error: say };
  // A whole server, of which only the core is used: so it is put together in one place.
  const { core, stop } = await start(
    {
      ...settings,
      accessTokenSeconds: LASTS_SECONDS,
      refreshTokenSeconds: LASTS_SECONDS,
    },
    { journal, store: await openStore(path) },
  );
  try {
    const people = await seedUsers(core, layout.users);
    const rooms: SeededRoom[] = [];
    for (const like of layout.rooms) {
      rooms.push(...await seedRooms(core, people, like));
    }
    const expiresAt = Date.now() + LASTS_SECONDS * 1000;
    return {
      expiresAt,
      secret,
      tokens: people.map(({ token }) => token),
      rooms,
    };
  } finally {
    await stop();
  }
}

interface Seat {
  readonly token: string;
  readonly principal: Principal;
}

async function seedUsers(core: Core, count: number): Promise<Seat[]> {
  const { store, accounts } = core;
  // One hash for all: nobody logs in here, and verifying it would cost what it costs.
  const password = await accounts.passwords.hash(secretText());
  const seats: Seat[] = [];
  for (let from = 0; from < count; from += USERS_AT_ONCE) {
    const newcomers = Array.from(
      { length: Math.min(USERS_AT_ONCE, count - from) },
      (_, i) => {
        const username = `load-${from + i}`;
        const profile = newProfile(core, { username, password: "" });
        const session = newSession(core, profile.id, CALLER);
        return { profile, password, session };
      },
    );
    const mutations = newcomers.flatMap((newcomer) =>
      writeAccount(
        newcomer.profile,
        [keys.username(newcomer.profile.username)],
        newcomerRows(core, newcomer),
      ).mutations
    );
    requireStored(await store.commit({ checks: [], mutations }));
    for (const { profile: { id: user }, session } of newcomers) {
      const token = await accounts.accessTokens.sign({
        user,
        session: session.id,
      });
      const { expiresAt } = session;
      const principal = { ...CALLER, user, session: session.id, expiresAt };
      seats.push({ token, principal });
    }
  }
  return seats;
}

async function seedRooms(
  core: Core,
  seats: readonly Seat[],
  { count, members, messages = 0 }: RoomsLayout,
): Promise<SeededRoom[]> {
  const dealt = dealOut(seats.length, count, members);
  const rooms: SeededRoom[] = [];
  await eachOf(dealt, ROOMS_AT_ONCE, async (places, i) => {
    const principals = places.map((place) => seats[place]!.principal);
    const room = await seedRoom(core, principals);
    await seedMessages(core, room, principals, messages);
    const { epoch, seq } = await requireMyRoom(core, principals[0]!.user, room);
    rooms[i] = { id: room, epoch, seq, members: places };
  });
  return rooms;
}

async function seedRoom(
  core: Core,
  principals: readonly Principal[],
): Promise<string> {
  const [owner, ...others] = principals;
  const users = others.map(({ user }) => user);
  const members = users.slice(0, LIMITS.membersAtCreation);
  const { id } = await createRoom.run(core, { type: "group", members }, owner!);
  await Promise.all(
    users.slice(LIMITS.membersAtCreation).map((userId) =>
      addToRoom.run(core, { room: id, userId }, owner!)
    ),
  );
  return id;
}

async function seedMessages(
  core: Core,
  room: string,
  principals: readonly Principal[],
  count: number,
): Promise<void> {
  for (let from = 0; from < count; from += MESSAGES_AT_ONCE) {
    const length = Math.min(MESSAGES_AT_ONCE, count - from);
    await Promise.all(Array.from({ length }, (_, i) => {
      const sender = principals[(from + i) % principals.length]!;
      const clientId = `seeded-${from + i}`;
      return sendMessage.run(core, { room, clientId, text: TEXT }, sender);
    }));
  }
}

/**
 * Who is in which room: all users come once before any comes twice, and each time in another order, so that two
 * users who share one room do not share all.
 */
function dealOut(users: number, rooms: number, members: number): number[][] {
  const steps = Array.from({ length: users }, (_, i) => i + 1)
    .filter((step) => greatestCommonDivisor(step, users) === 1);
  return Array.from(
    { length: rooms },
    (_, room) =>
      Array.from({ length: members }, (_, member) => {
        const place = room * members + member;
        const step = steps[Math.floor(place / users) % steps.length]!;
        return place * step % users;
      }),
  );
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function secretText(): string {
  return crypto.getRandomValues(new Uint8Array(24)).toBase64();
}
