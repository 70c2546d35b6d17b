// For every operation: what a client had before, and what it was told, is what it would read now.
// Whoever acts, whoever is in the same rooms, and whoever is not: each on a socket that takes array frames and one that does not.
//
// Snapshots are one's profile and, of each of one's rooms, the room as listed, its members and all its messages.
// Deliberately told to nobody, and so no part of them: the list of all channels, profiles of people one shares no
// room with, what a search finds, one's own list of sessions, and how far others have read.
import assert from "node:assert/strict";
import { appoint } from "../../kv/accounts/admins.ts";
import { makeKey } from "../../kv/accounts/new_key.ts";
import { OPERATIONS } from "../../kv/operations.ts";
import { hasBody } from "../../routes/route.ts";
import { ROUTES } from "../../routes/routes.ts";
import { FakeClock } from "../fake_clock.ts";
import { type Frame, ReplyError, unlessClosed } from "./client.ts";
import { Replica, requireAgreement } from "./replica.ts";
import { type Person, type Serve, type Served, test } from "./world.ts";

type Way = "socket" | "REST";

interface Act {
  readonly by: Person | null;
  readonly input: Readonly<Record<string, unknown>>;
  /** The operation, where it is not the case's own. */
  readonly operation?: string;
}

interface Case {
  readonly title: string;
  /** Why nobody is told anything; then nobody must be. */
  readonly silent?: string;
  acts(stage: Stage): Iterable<Act> | AsyncIterable<Act>;
}

const READS = "it only reads";
const SAME = "it is so already";
const INVITES = "who is in a room need not know who else might come";
const SESSIONS = "sessions are one's own, and listed only when asked for";

const CASES: Readonly<Record<string, readonly Case[]>> = {
  "account.register": [{
    title: "a newcomer is in nobody's rooms",
    silent: "nobody shares a room with them yet",
    acts: () => [{
      by: null,
      input: { username: "eve", password: "correct horse battery" },
    }],
  }, {
    title: "a newcomer comes by an invite",
    async *acts({ ada, group: room, server }) {
      const path = `/rooms/${room}/invites`;
      const { body } = await server.ask(ada, "POST", path, { maxUses: 1 });
      const form = { username: "eve", password: "correct horse battery" };
      yield { by: null, input: { ...form, invite: body.code } };
    },
  }],
  "account.login": [{
    title: "another device",
    silent: SESSIONS,
    acts: ({ ada }) => [{
      by: null,
      input: { login: ada.username, password: `password of ${ada.username}` },
    }],
  }],
  "session.refresh": [{
    title: "new tokens",
    silent: SESSIONS,
    acts: (
      { ada: { refreshToken } },
    ) => [{ by: null, input: { refreshToken } }],
  }],
  "session.logout": [{
    title: "the session's sockets are told and closed",
    acts: (
      { ada: { refreshToken } },
    ) => [{ by: null, input: { refreshToken } }],
  }],
  "session.end": [{
    title: "the session's sockets are told and closed",
    async *acts({ ada, server }) {
      const { body } = await server.ask(ada, "GET", "/auth/sessions");
      yield { by: ada, input: { session: body.items[0].id } };
    },
  }],
  "session.endAll": [{
    title: "all one's sockets are told and closed",
    acts: ({ ada }) => [{ by: ada, input: {} }],
  }],
  "session.get": [{
    title: READS,
    silent: READS,
    async *acts({ ada, server }) {
      const { body } = await server.ask(ada, "GET", "/auth/sessions");
      yield { by: ada, input: { session: body.items[0].id } };
    },
  }],
  "session.list": [reads(({ ada }) => [{ by: ada, input: {} }])],
  "ticket.create": [{
    title: "a ticket",
    silent: SESSIONS,
    acts: ({ ada }) => [{ by: ada, input: {} }],
  }],

  "user.me": [reads(({ ada }) => [{ by: ada, input: {} }])],
  "user.get": [
    reads(({ ada, dan }) => [{ by: ada, input: { userId: dan.id } }]),
  ],
  "user.search": [reads(({ ada }) => [{ by: ada, input: { q: "b" } }])],
  "user.update": [{
    title: "name, picture and words, set and cleared",
    acts: ({ bob }) => [
      {
        by: bob,
        input: {
          displayName: "Bob B.",
          about: "tea",
          avatar: "https://example.org/b.png",
        },
      },
      { by: bob, input: { about: null, avatar: null } },
    ],
  }, {
    title: "by somebody who is in no room",
    acts: ({ dan }) => [{ by: dan, input: { displayName: "Dan D." } }],
  }],
  "user.delete": [{
    title: "an owner goes: rooms are passed on, left, or gone",
    acts: ({ bob }) => [{ by: bob, input: {} }],
  }],

  "user.create": [{
    title: "a newcomer is in nobody's rooms",
    silent: "nobody shares a room with them yet",
    acts: ({ dan }) => [{ by: dan, input: { username: "eve" } }],
  }],
  "user.find": [reads(({ dan }) => [{ by: dan, input: { username: "ada" } }])],
  "user.setSuspended": [{
    title: "a member's sockets are told and closed; nobody else sees a change",
    acts: ({ dan, ada }) => [
      { by: dan, input: { userId: ada.id, suspended: true } },
      { by: dan, input: { userId: ada.id, suspended: false } },
    ],
  }],
  "session.create": [{
    title: "another device",
    silent: SESSIONS,
    acts: ({ dan, ada }) => [{ by: dan, input: { userId: ada.id } }],
  }],
  "key.create": [{
    title: "a service's first key makes its account",
    silent: "nobody shares a room with it yet",
    acts: ({ dan }) => [{
      by: dan,
      input: { name: "shop", scopes: ["users"] },
    }],
  }],
  "key.list": [reads(({ dan }) => [{ by: dan, input: {} }])],
  "key.delete": [{
    title: "a key that nobody uses",
    silent: "its own sockets are told, and it has none",
    async *acts({ dan, server }) {
      const form = { name: "shop", scopes: ["act" as const] };
      const { made } = await makeKey(server.core, form, null);
      yield { by: dan, input: { key: made.id } };
    },
  }],

  "room.create": [{
    title: "a group with members",
    acts: ({ ada, bob, dan }) => [{
      by: ada,
      input: {
        type: "group",
        name: "New",
        description: "d",
        members: [bob.id, dan.id],
      },
    }],
  }, {
    title: "a channel",
    acts: ({ cyd }) => [{ by: cyd, input: { type: "channel", name: "Hall" } }],
  }, {
    title: "a direct room, twice",
    acts: ({ ada, dan }) => [
      { by: dan, input: { type: "direct", members: [ada.id] } },
      { by: ada, input: { type: "direct", members: [dan.id] } },
    ],
  }, {
    title: "a notebook",
    acts: ({ dan }) => [{
      by: dan,
      input: { type: "direct", members: [dan.id] },
    }],
  }],
  "room.list": [reads(({ ada }) => [{ by: ada, input: {} }])],
  "room.public": [reads(({ ada }) => [{ by: ada, input: {} }])],
  "room.get": [
    reads(({ ada, group }) => [{ by: ada, input: { room: group } }]),
  ],
  "room.update": [{
    title: "a name and a description, changed and cleared",
    acts: ({ bob, group: room }) => [
      { by: bob, input: { room, name: "Coffee", description: "hot" } },
      { by: bob, input: { room, description: null } },
      { by: bob, input: { room, name: null } },
    ],
  }, {
    title: "a channel gets another name",
    acts: ({ ada, channel }) => [{
      by: ada,
      input: { room: channel, name: "Market" },
    }],
  }, {
    title: "the name it has",
    silent: SAME,
    acts: ({ ada, channel }) => [{
      by: ada,
      input: { room: channel, name: "Square" },
    }],
  }],
  "room.delete": [{
    title: "a group",
    acts: ({ ada, group: room }) => [{ by: ada, input: { room } }],
  }, {
    title: "a channel",
    acts: ({ ada, channel: room }) => [{ by: ada, input: { room } }],
  }],
  "room.join": [{
    title: "a stranger comes into a channel",
    acts: ({ dan, channel: room }) => [{ by: dan, input: { room } }],
  }, {
    title: "somebody who is in it",
    silent: SAME,
    acts: ({ bob, channel: room }) => [{ by: bob, input: { room } }],
  }, {
    title: "somebody who left comes back",
    acts: ({ bob, channel: room }) => [
      { by: bob, operation: "room.leave", input: { room } },
      { by: bob, input: { room } },
    ],
  }],
  "room.leave": [{
    title: "a member",
    acts: ({ cyd, group: room }) => [{ by: cyd, input: { room } }],
  }, {
    title: "the last owner, whom the admin follows",
    acts: ({ ada, group: room }) => [{ by: ada, input: { room } }],
  }],

  "member.list": [
    reads(({ ada, group: room }) => [{ by: ada, input: { room } }]),
  ],
  "member.add": [{
    title: "a stranger, as a guest",
    acts: ({ ada, dan, group: room }) => [{
      by: ada,
      input: { room, userId: dan.id, role: "guest" },
    }],
  }, {
    title: "somebody who is in the room",
    silent: SAME,
    acts: ({ ada, bob, group: room }) => [{
      by: ada,
      input: { room, userId: bob.id },
    }],
  }],
  "member.update": [{
    title: "an admin becomes an owner, the owner a guest",
    acts: ({ ada, bob, group: room }) => [
      { by: ada, input: { room, userId: bob.id, role: "owner" } },
      { by: bob, input: { room, userId: ada.id, role: "guest" } },
    ],
  }],
  "member.remove": [{
    title: "somebody else",
    acts: ({ bob, cyd, group: room }) => [{
      by: bob,
      input: { room, userId: cyd.id },
    }],
  }, {
    title: "oneself, the last owner",
    acts: ({ ada, group: room }) => [{
      by: ada,
      input: { room, userId: ada.id },
    }],
  }, {
    title: "somebody who is added again",
    acts: ({ ada, cyd, group: room }) => [
      { by: ada, input: { room, userId: cyd.id } },
      {
        by: ada,
        operation: "member.add",
        input: { room, userId: cyd.id, role: "admin" },
      },
    ],
  }],

  "invite.create": [{
    title: "a code for somebody outside",
    silent: INVITES,
    acts: ({ ada, group: room }) => [{ by: ada, input: { room, maxUses: 1 } }],
  }],
  "invite.list": [
    reads(({ ada, group: room }) => [{ by: ada, input: { room } }]),
  ],
  "invite.revoke": [{
    title: "a good one",
    silent: INVITES,
    async *acts({ ada, group: room, server }) {
      const path = `/rooms/${room}/invites`;
      const { body: { code } } = await server.ask(ada, "POST", path, {});
      yield { by: ada, input: { room, code } };
    },
  }],
  "invite.accept": [{
    title: "a stranger comes, as a guest",
    async *acts({ ada, dan, group: room, server }) {
      const path = `/rooms/${room}/invites`;
      const { body: { code } } = await server.ask(ada, "POST", path, {
        role: "guest",
      });
      yield { by: dan, input: { code } };
    },
  }, {
    title: "somebody who is in the room",
    silent: SAME,
    async *acts({ ada, bob, group: room, server }) {
      const path = `/rooms/${room}/invites`;
      const { body: { code } } = await server.ask(ada, "POST", path, {});
      yield { by: bob, input: { code } };
    },
  }],

  "message.send": [{
    title: "by each, into each room, and after a mark",
    acts: ({ ada, bob, cyd, group, channel, direct }) => [
      { by: cyd, input: { room: group, text: "six" } },
      { by: ada, input: { room: group, text: "seven" } },
      { by: bob, input: { room: direct, text: 'eight "\n' } },
      { by: bob, input: { room: channel, text: "nine", clientId: "9" } },
    ],
  }, {
    title: "again under the same clientId",
    silent: SAME,
    acts: ({ bob, group: room }) => [{
      by: bob,
      input: { room, text: "two", clientId: "two" },
    }],
  }],
  "message.get": [
    reads(({ ada, group: room, ids }) => [{
      by: ada,
      input: { room, messageId: ids["one"] },
    }]),
  ],
  "room.history": [
    reads(({ ada, group: room }) => [{ by: ada, input: { room } }]),
  ],
  "message.edit": [{
    title: "an early message and the last, each twice",
    acts: ({ ada, cyd, group: room, ids }) => [
      { by: ada, input: { room, messageId: ids["one"], text: "1" } },
      { by: ada, input: { room, messageId: ids["one"], text: "I" } },
      { by: cyd, input: { room, messageId: ids["last"], text: "end" } },
      { by: cyd, input: { room, messageId: ids["last"], text: "fin" } },
    ],
  }, {
    title: "what it says already",
    silent: SAME,
    acts: ({ ada, group: room, ids }) => [{
      by: ada,
      input: { room, messageId: ids["one"], text: "one" },
    }],
  }],
  "message.delete": [{
    title:
      "one's own, an edited one, and another's that is the last and unread",
    acts: ({ ada, bob, group: room, ids }) => [
      { by: ada, input: { room, messageId: ids["one"] } },
      { by: ada, input: { room, messageId: ids["four"] } },
      { by: bob, input: { room, messageId: ids["last"] } },
    ],
  }, {
    title: "one that is deleted, by another",
    silent: SAME,
    acts: ({ ada, group: room, ids }) => [{
      by: ada,
      input: { room, messageId: ids["five"] },
    }],
  }],

  "receipt.read": [{
    title: "some of it, then all",
    async *acts({ ada, cyd, group: room, server }) {
      const { body } = await server.ask(ada, "GET", `/rooms/${room}`);
      yield { by: cyd, input: { room, seq: body.seq - 3 } };
      yield { by: cyd, input: { room, seq: body.seq } };
    },
  }, {
    title: "less than before",
    silent: "a mark never moves back",
    acts: ({ bob, group: room }) => [{ by: bob, input: { room, seq: 1 } }],
  }],
};

function reads(acts: (stage: Stage) => Act[]): Case {
  return { title: READS, silent: READS, acts };
}

Deno.test("every operation has a case here", () => {
  assert.deepEqual(
    Object.keys(CASES).toSorted(),
    OPERATIONS.map(({ name }) => name).toSorted(),
  );
});

for (const { name, access } of OPERATIONS) {
  const ways: Way[] = access === "public" ? ["REST"] : ["socket", "REST"];
  for (const one of CASES[name] ?? []) {
    for (const way of one.silent === READS ? ways.slice(0, 1) : ways) {
      test(
        `${name} by ${way}, ${one.title}: old snapshot + events = fresh snapshot`,
        (served) => play(served, name, one, way),
      );
    }
  }
}

async function play(
  served: Serve,
  name: string,
  one: Case,
  way: Way,
): Promise<void> {
  const clock = new FakeClock();
  await served(async (server) => {
    const stage = await setStage(server);
    const { ada, bob, cyd, dan } = stage;
    const replicas = [ada, bob, cyd, dan].flatMap((person) => [
      new Replica(server, person, { batch: false }),
      new Replica(server, person, { batch: true }),
    ]);
    for (const replica of replicas) await replica.connect();
    // Each turn is a second here: jobs that wait are done.
    const turn = () => clock.advance(1_000);
    await requireAgreement(server, replicas, turn);

    const told = () =>
      replicas.flatMap(({ client }) =>
        client.frames.filter(({ type }) => type !== "reply")
      );
    const before = told().length;
    for await (const { by, input, operation = name } of one.acts(stage)) {
      const acting = replicas.find(({ person }) => person === by);
      if (way === "REST") await askByRest(server, by, operation, input);
      // Whoever ends their own session may be told of its end in place of the reply.
      else await unlessClosed(acting!.client.command(operation, input));
      await requireAgreement(server, replicas, turn);
    }
    if (one.silent) assert.deepEqual(told().slice(before), [], one.silent);
    else assert.ok(told().length > before, "nobody was told");
  }, { clock });
}

/** Four people: `dan`, an admin of the service, is in no room with anybody, the others are in several. */
interface Stage {
  readonly server: Served;
  readonly ada: Person;
  readonly bob: Person;
  readonly cyd: Person;
  readonly dan: Person;
  /** Owned by ada, bob an admin, cyd a member; bob has read up to "two". */
  readonly group: string;
  /** Owned by ada, bob a member. */
  readonly channel: string;
  /** Between ada and bob. */
  readonly direct: string;
  /** The messages of the group, by what they said first. */
  readonly ids: Readonly<Record<string, string>>;
}

async function setStage(server: Served): Promise<Stage> {
  const [ada, bob, cyd, dan] = [
    await server.join("ada"),
    await server.join("bob"),
    await server.join("cyd"),
    await server.join("dan"),
  ];
  await appoint(server.core, dan.id);
  const ask = async (
    by: Person,
    operation: string,
    input: Record<string, unknown>,
  ) => await askByRest(server, by, operation, input);
  const make = async (by: Person, input: Record<string, unknown>) =>
    (await ask(by, "room.create", input)).id;

  const members = [bob.id, cyd.id];
  const group = await make(ada, { type: "group", name: "Tea", members });
  await ask(ada, "member.update", {
    room: group,
    userId: bob.id,
    role: "admin",
  });
  const channel = await make(ada, { type: "channel", name: "Square" });
  await ask(bob, "room.join", { room: channel });
  const direct = await make(ada, { type: "direct", members: [bob.id] });
  // What bob leaves behind when he goes: one room with an heir, one without.
  const heir = await make(bob, { type: "group", members: [cyd.id] });
  await make(bob, { type: "group" });

  const ids: Record<string, string> = {};
  const say = async (by: Person, room: string, text: string) => {
    const sent = await ask(by, "message.send", { room, text, clientId: text });
    if (room === group) ids[text] = sent.messageId;
    return sent;
  };
  await say(ada, channel, "hear");
  await say(ada, direct, "psst");
  await say(cyd, heir, "hm");
  await say(ada, group, "one");
  const { seq } = await say(bob, group, "two");
  await say(cyd, group, "three");
  await say(ada, group, "four");
  await say(bob, group, "five");
  await say(cyd, group, "last");
  await ask(ada, "message.edit", {
    room: group,
    messageId: ids["four"],
    text: "4",
  });
  await ask(bob, "message.delete", { room: group, messageId: ids["five"] });
  await ask(bob, "receipt.read", { room: group, seq });
  return { server, ada, bob, cyd, dan, group, channel, direct, ids };
}

/** Runs an operation by its route; throws what was refused. */
async function askByRest(
  server: Served,
  by: Person | null,
  operation: string,
  input: Readonly<Record<string, unknown>>,
): Promise<Frame> {
  const route = ROUTES.find((route) => route.operation.name === operation)!;
  const rest = new Map(Object.entries(input));
  let path = route.path.replaceAll(/:(\w+)/g, (_, part: string) => {
    const value = rest.get(part);
    rest.delete(part);
    return String(value);
  });
  const fields = Object.fromEntries(rest);
  if (!hasBody(route) && rest.size > 0) {
    path += `?${new URLSearchParams(fields as Record<string, string>)}`;
  }
  const { status, body } = await server.ask(
    by,
    route.method,
    path,
    hasBody(route) ? fields : undefined,
  );
  if (status >= 400) throw new ReplyError(body);
  return body;
}
