// Tickets: one use, half a minute.
import assert from "node:assert/strict";
import { endOwnSession } from "../../kv/accounts/session_operations.ts";
import { createTicket, redeemTicket } from "../../kv/accounts/tickets.ts";
import { LIMITS } from "../../kv/limits.ts";
import {
  CALLER,
  inWorld,
  notStored,
  refuses,
  run,
  signUpAs,
  storedWithoutAnswer,
} from "./world.ts";

const unauthenticated = refuses("unauthenticated");

Deno.test("redeemTicket() makes the principal who made the ticket, once", () =>
  inWorld(async ({ core, clock, isolate }) => {
    const { principal } = await signUpAs(core, "ada");
    const { ticket, expiresAt } = await run(core, createTicket, {}, principal);
    assert.equal(Date.parse(expiresAt), clock.now() + LIMITS.ticketMs);
    const redeemed = await redeemTicket(isolate(), ticket, CALLER);
    assert.equal(redeemed.user, principal.user);
    assert.equal(redeemed.session, principal.session);
    await assert.rejects(redeemTicket(core, ticket, CALLER), unauthenticated);
  }));

Deno.test("redeemTicket() lets one of several isolates have it", () =>
  inWorld(async ({ core, isolate }) => {
    const { principal } = await signUpAs(core, "ada");
    const { ticket } = await run(core, createTicket, {}, principal);
    const results = await Promise.allSettled(
      [core, isolate(), isolate(), isolate()].map((each) =>
        redeemTicket(each, ticket, CALLER)
      ),
    );
    const won = results.filter((result) => result.status === "fulfilled");
    assert.equal(won.length, 1);
    for (const result of results) {
      if (result.status === "rejected") unauthenticated(result.reason);
    }
  }));

for (const fault of [storedWithoutAnswer, notStored]) {
  Deno.test(`ticket.create and redeemTicket() work once when their commits are ${fault.name}`, () =>
    inWorld(async ({ core, store }) => {
      const { principal } = await signUpAs(core, "ada");
      store.faults.push(fault);
      const { ticket } = await run(core, createTicket, {}, principal);
      store.faults.push(fault);
      await redeemTicket(core, ticket, CALLER);
      await assert.rejects(redeemTicket(core, ticket, CALLER), unauthenticated);
    }));
}

Deno.test("redeemTicket() refuses a ticket after 30 s, of an ended session, and what is none", () =>
  inWorld(async ({ core, clock }) => {
    const { principal, accessToken } = await signUpAs(core, "ada");
    const { ticket: late } = await run(core, createTicket, {}, principal);
    await clock.advance(LIMITS.ticketMs);
    const { ticket: ended } = await run(core, createTicket, {}, principal);
    await run(core, endOwnSession, { session: principal.session }, principal);
    const unknown = `kt_${"A".repeat(43)}`;
    for (
      const ticket of [late, ended, unknown, accessToken, "", "x".repeat(9999)]
    ) {
      await assert.rejects(redeemTicket(core, ticket, CALLER), unauthenticated);
    }
  }));

Deno.test("ticket.create stores no ticket in clear", () =>
  inWorld(async ({ core, store }) => {
    const { principal } = await signUpAs(core, "ada");
    const { ticket } = await run(core, createTicket, {}, principal);
    const rows = await store.list(["ticket"]);
    assert.equal(rows.length, 1);
    assert.equal(JSON.stringify(rows).includes(ticket.slice(3)), false);
  }));
