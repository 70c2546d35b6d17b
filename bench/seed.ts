// Accounts and a room for a load run, made through the store before the server starts: hashing passwords would dominate.
import { Accounts } from "../kv/accounts/accounts.ts";
import { register } from "../kv/rooms/register.ts";
import { authenticate } from "../kv/accounts/verify.ts";
import { systemClock } from "../kv/clock.ts";
import type { Core } from "../kv/core.ts";
import { randomId } from "../kv/ids.ts";
import { LIMITS } from "../kv/limits.ts";
import { Feed } from "../kv/log/feed.ts";
import { RoomLogs } from "../kv/log/writer.ts";
import type { Principal } from "../kv/principal.ts";
import { createRoom } from "../kv/rooms/create.ts";
import { addToRoom } from "../kv/rooms/members.ts";
import { openStore } from "../kv/store.ts";

export interface Seeded {
  readonly room: string;
  readonly tokens: readonly string[];
}

const CALLER = { address: "127.0.0.1" };

/** Makes `count` users, all in one group, in the database file at `path`. */
export async function seed(
  path: string,
  secret: Uint8Array,
  count: number,
): Promise<Seeded> {
  const store = await openStore(path);
  try {
    const core = openCore(store, secret);
    const people: { token: string; principal: Principal }[] = [];
    for (let i = 0; i < count; i++) {
      const { accessToken } = await register.run(core, {
        username: `load-${i}`,
        password: randomId(),
      }, CALLER);
      const principal = await authenticate(core, accessToken, CALLER);
      people.push({ token: accessToken, principal });
    }
    const [owner, ...others] = people.map(({ principal }) => principal);
    const room = await createRoom.run(core, {
      type: "group",
      members: others.slice(0, LIMITS.membersAtCreation).map(({ user }) =>
        user
      ),
    }, owner!);
    for (const { user } of others.slice(LIMITS.membersAtCreation)) {
      await addToRoom.run(core, { room: room.id, userId: user }, owner!);
    }
    return { room: room.id, tokens: people.map(({ token }) => token) };
  } finally {
    store.close();
  }
}

function openCore(
  store: Awaited<ReturnType<typeof openStore>>,
  secret: Uint8Array,
): Core {
  const clock = systemClock;
  const feed = new Feed(store, clock, randomId());
  return {
    store,
    clock,
    feed,
    logs: new RoomLogs({ store, clock, feed }, 0),
    accounts: new Accounts({
      store,
      clock,
      secret,
      issuer: "kvorum",
      audience: "kvorum",
      accessTokenSeconds: 3600,
      refreshTokenSeconds: 3600,
      passwords: {
        cores: 2,
        cost: { memory: 8, passes: 1, parallelism: 1 },
      },
    }),
  };
}
