// What the tests of logs, rooms and messages stand on: people whose ids are their names, and the rooms they are in.
import assert from "node:assert/strict";
import type { LiveProfile } from "../../kv/accounts/profiles.ts";
import type { Core } from "../../kv/core.ts";
import { keys } from "../../kv/keys.ts";
import { type StoredEvent, toMessage } from "../../kv/log/event.ts";
import type { Head } from "../../kv/log/head.ts";
import { sendMessage } from "../../kv/messages/send.ts";
import type { Principal } from "../../kv/principal.ts";
import { createRoom } from "../../kv/rooms/create.ts";
import { addToRoom } from "../../kv/rooms/members.ts";
import type { Message, Role, RoomType } from "../../kv/shapes.ts";
import type { Commit, Store } from "../../kv/store.ts";
import { CALLER, type FaultyStore, run } from "../accounts/world.ts";

/** A signed-in user, made without the cost of signing up. The id is the name. */
export async function person(core: Core, id: string): Promise<Principal> {
  const profile: LiveProfile = {
    v: 1,
    id,
    username: id,
    displayName: id,
    createdAt: core.clock.now(),
  };
  const outcome = await core.store.commit({
    checks: [],
    mutations: [{ key: keys.profile(id), value: profile }],
  });
  assert.equal(outcome.kind, "stored");
  return { ...CALLER, user: id, session: `of-${id}`, expiresAt: Infinity };
}

export async function people(
  core: Core,
  ...ids: string[]
): Promise<Principal[]> {
  return await Promise.all(ids.map((id) => person(core, id)));
}

/** Makes a group or channel of the owner's with these members; answers its id. */
export async function roomOf(
  core: Core,
  owner: Principal,
  members: Readonly<Record<string, Role>> = {},
  type: Exclude<RoomType, "direct"> = "group",
  name = "Room",
): Promise<string> {
  const { id } = await run(core, createRoom, { type, name }, owner);
  for (const [userId, role] of Object.entries(members)) {
    await run(core, addToRoom, { room: id, userId, role }, owner);
  }
  return id;
}

export function say(
  core: Core,
  room: string,
  who: Principal,
  text: string,
  clientId?: string,
) {
  return run(core, sendMessage, {
    room,
    text,
    ...(clientId === undefined ? {} : { clientId }),
  }, who);
}

/** A row of a log as a test reads it: straight from the store, without the code that is tested. */
export type Logged =
  | { readonly seq: number; readonly message: Message }
  | { readonly seq: number; readonly event: StoredEvent };

/** A room's whole log, in order. Fails where a number is missing or given twice. */
export async function wholeLog(store: Store, room: string): Promise<Logged[]> {
  const messages = await store.list<string>(keys.messages(room));
  const events = await store.list<StoredEvent>(keys.events(room));
  const rows: Logged[] = [
    ...messages.map(({ key, value }) => ({
      seq: Number(key.at(-1)),
      message: toMessage(value),
    })),
    ...events.map(({ key, value }) => ({
      seq: Number(key.at(-1)),
      event: value,
    })),
  ].sort((a, b) => a.seq - b.seq);
  assert.deepEqual(
    rows.map(({ seq }) => seq),
    Array.from(rows, (_, i) => i + 1),
    "the log has a gap or a double",
  );
  return rows;
}

export async function headOf(store: Store, room: string): Promise<Head> {
  const { value } = await store.get<Head>(keys.head(room));
  assert.ok(value, "there is no such room");
  return value;
}

/** Every row there is. */
export function everything(store: Store) {
  return store.list([]);
}

/** Looks at every commit that is tried from now on. */
export function watchCommits(store: FaultyStore): Commit[] {
  const seen: Commit[] = [];
  const { commit } = store;
  store.commit = (made) => {
    seen.push(made);
    return commit(made);
  };
  return seen;
}
