// Tickets: what a browser puts into a socket's address in place of its token. One use, half a minute.
import { createHash } from "node:crypto";
import * as z from "zod";
import { toTimestamp } from "../clock.ts";
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { randomId } from "../ids.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import { userOperation } from "../operation.ts";
import type { Caller, Principal } from "../principal.ts";
import { nothing, timestamp } from "../shapes.ts";
import { AGAIN, settle } from "./settle.ts";
import { admit } from "./verify.ts";

interface TicketRow {
  readonly v: 1;
  readonly user: string;
  readonly session: string;
  readonly expiresAt: number;
  /** Made by whoever redeemed it. The row stays until it expires, so that a missing answer can be looked up. */
  readonly usedBy?: string;
}

const TICKET = /^kt_[A-Za-z0-9_-]{43}$/;

export const createTicket = userOperation({
  name: "ticket.create",
  summary:
    "Make a ticket; within 30 seconds it opens one socket, as `/api/v1/ws?ticket=…`",
  secret: true,
  input: nothing,
  output: z.object({ ticket: z.string(), expiresAt: timestamp })
    .meta({ id: "Ticket" }),
  async run(core, _input, { user, session }) {
    const ticket = `kt_${randomId(43)}`;
    const expiresAt = core.clock.now() + LIMITS.ticketMs;
    const row: TicketRow = { v: 1, user, session, expiresAt };
    await settle(core.clock, async () => {
      const key = keys.ticket(digest(ticket));
      const outcome = await core.store.commit({
        checks: [{ key, version: null }],
        mutations: [{ key, value: row, expireInMs: LIMITS.ticketMs }],
      });
      // Nobody else can have made this ticket: lost means that an earlier try was stored.
      return outcome.kind === "unknown" ? AGAIN : true;
    });
    return { ticket, expiresAt: toTimestamp(expiresAt) };
  },
});

/** Whose ticket it is, once. Throws `unauthenticated` for a used, expired or unknown one, and when its session has ended. */
export async function redeemTicket(
  core: Core,
  ticket: string,
  caller: Caller,
): Promise<Principal> {
  if (!TICKET.test(ticket)) throw refused();
  const key = keys.ticket(digest(ticket));
  const use = randomId();

  const owner = await settle(core.clock, async () => {
    const { value, version } = await core.store.get<TicketRow>(key);
    if (!value) throw refused();
    if (value.usedBy === use) return value;
    const leftMs = value.expiresAt - core.clock.now();
    if (value.usedBy !== undefined || leftMs <= 0) throw refused();
    const outcome = await core.store.commit({
      checks: [{ key, version }],
      mutations: [{
        key,
        value: { ...value, usedBy: use },
        expireInMs: leftMs,
      }],
    });
    return outcome.kind === "stored" ? value : AGAIN;
  });
  const lifeMs = core.accounts.accessTokens.seconds * 1000;
  return await admit(core, owner, core.clock.now() + lifeMs, caller);
}

/** Only this is stored: who reads the database cannot use what is in it. */
function digest(ticket: string): string {
  return createHash("sha256").update(ticket).digest("base64url");
}

function refused(): Refused {
  return new Refused("unauthenticated", "This ticket is not valid.");
}
