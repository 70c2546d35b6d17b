// Making, listing and revoking the invites of a room.
import * as z from "zod";
import { readUsers } from "../accounts/profiles.ts";
import { toTimestamp } from "../clock.ts";
import type { Core } from "../core.ts";
import { parseKeyCursor, toKeyCursor } from "../cursor.ts";
import { notFound, Refused } from "../errors.ts";
import { randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import type { Draft } from "../log/draft.ts";
import type { Member } from "../log/event.ts";
import { userOperation } from "../operation.ts";
import { isAbove } from "../policy.ts";
import {
  id,
  invite,
  inviteCode,
  invitedRole,
  type InviteShape,
  listOf,
  nothing,
  page,
} from "../shapes.ts";
import { readAllowed, requireActor } from "./access.ts";
import {
  forgetInvite,
  type Invite,
  isGood,
  meetMaker,
  toMaker,
  writeInvite,
} from "./invite.ts";

/** 132 bits. */
const CODE_LENGTH = 22;

export const createInvite = userOperation({
  name: "invite.create",
  summary: "Make an invite: whoever has its code may come into the room",
  scope: "rooms",
  ordered: true,
  input: z.object({
    room: id,
    maxUses: z.int().min(1).max(LIMITS.inviteUses).optional().describe(
      "How many may come; without it, as many as like",
    ),
    expiresInSeconds: z.int().min(1).max(LIMITS.inviteLongestSeconds).optional()
      .describe("Seven days where nothing is said"),
    role: invitedRole.optional().describe(
      "Below one's own; `member` where nothing is said",
    ),
  }),
  output: invite,
  run(core, { room, maxUses, expiresInSeconds, role }, principal) {
    const { user, idempotencyKey: request } = principal;
    const code = randomId(CODE_LENGTH);
    const now = core.clock.now();
    const lifeMs = (expiresInSeconds ?? LIMITS.inviteSeconds) * 1000;
    const made: Invite = {
      v: 1,
      role: role ?? "member",
      by: user,
      usesLeft: maxUses ?? null,
      expiresAt: now + lifeMs,
      ...(request === undefined ? {} : { request }),
    };
    return core.logs.change(room, async (draft) => {
      await draft.meet(user);
      const actor = requireActor(draft, "invite.manage", user)!;
      if (!isAbove(actor.role, made.role)) {
        throw new Refused(
          "forbidden",
          `An invite gives a role below one's own (${actor.role}).`,
        );
      }
      const all = await draft.list<Invite>(keys.invites(room));
      const earlier = findMade(all, code, request);
      if (earlier) return present(...earlier);

      const ended = await requireSpaceForInvite(draft, all, now);
      for (const code of ended) forgetInvite(draft, code);
      writeInvite(draft, code, made, now);
      return present(code, made);
    });
  },
});

export const listInvites = userOperation({
  name: "invite.list",
  summary: "The invites of a room that are good and that one could have made",
  scope: "rooms",
  input: z.object({ room: id, ...page }),
  output: listOf(invite),
  run(core, { room, limit = LIMITS.pageItems, cursor }, { user }) {
    return readAllowed(
      core,
      "invite.manage",
      room,
      user,
      async ({ head, member }) => {
        const prefix = keys.invites(room);
        const rows = await core.store.list<Invite>(prefix, {
          ...(cursor === undefined
            ? {}
            : { start: parseKeyCursor(prefix, cursor) }),
          limit: limit + 1,
        });
        const shown = rows.slice(0, limit);
        const makers = await readMakers(
          core,
          room,
          shown.map(({ value }) => value),
        );
        const now = core.clock.now();
        return {
          items: shown.filter(({ value }) =>
            isGood(value, head.type, makers.get(value.by) ?? null, now) &&
            isAbove(member!.role, value.role)
          ).map(({ key, value }) => present(String(key.at(-1)), value)),
          nextCursor: toKeyCursor(prefix, rows[limit]?.key),
        };
      },
    );
  },
});

export const revokeInvite = userOperation({
  name: "invite.revoke",
  summary: "End an invite: it lets nobody in any more",
  scope: "rooms",
  ordered: true,
  input: z.object({ room: id, code: inviteCode }),
  output: nothing,
  run(core, { room, code }, { user }) {
    return core.logs.change(room, async (draft) => {
      await draft.meet(user);
      const { role } = requireActor(draft, "invite.manage", user)!;
      const invite = await draft.read<Invite>(keys.invite(room, code));
      if (invite === null || !isAbove(role, invite.role)) {
        throw notFound("invite");
      }
      if (!invite.revoked) {
        writeInvite(
          draft,
          code,
          { ...invite, revoked: true },
          core.clock.now(),
        );
      }
      return {};
    });
  },
});

/** What this very request has made already, in a try whose answer was lost. */
function findMade(
  all: ReadonlyMap<string, Invite>,
  code: string,
  request: string | undefined,
): [string, Invite] | undefined {
  return [...all].find(([one, invite]) =>
    one === code || request !== undefined && invite.request === request
  );
}

/**
 * The invites to forget so that one more can be made: of those that are not good, all but the last to expire.
 * @throws Refused `conflict` where there are as many good ones as there may be
 */
async function requireSpaceForInvite(
  draft: Draft,
  all: ReadonlyMap<string, Invite>,
  now: number,
): Promise<string[]> {
  const by = makersOf(all.values());
  const met = await Promise.all(by.map((user) => meetMaker(draft, user)));
  const makers = new Map(by.map((user, i) => [user, met[i]!]));
  const ended = [...all].filter(([, invite]) =>
    !isGood(invite, draft.head.type, makers.get(invite.by) ?? null, now)
  );
  if (all.size - ended.length >= LIMITS.invitesPerRoom) {
    throw new Refused(
      "conflict",
      `A room can have at most ${LIMITS.invitesPerRoom} invites: revoke some.`,
    );
  }
  return ended.sort(([, a], [, b]) => a.expiresAt - b.expiresAt)
    .slice(0, -LIMITS.invitesPerRoom).map(([code]) => code);
}

/** How those who made invites stand in the room. */
async function readMakers(
  { store }: Core,
  room: string,
  invites: readonly Invite[],
): Promise<Map<string, Member | null>> {
  const makers = makersOf(invites);
  const [rows, users] = await Promise.all([
    store.getMany<Member>(makers.map((user) => keys.member(room, user))),
    readUsers({ store }, makers),
  ]);
  return new Map(
    makers.map((user, i) => [user, toMaker(rows[i]!.value, users.get(user))]),
  );
}

function makersOf(invites: Iterable<Invite>): string[] {
  return [...new Set([...invites].map(({ by }) => by))];
}

function present(
  code: string,
  { role, by, usesLeft, expiresAt }: Invite,
): InviteShape {
  return { code, role, by, usesLeft, expiresAt: toTimestamp(expiresAt) };
}
