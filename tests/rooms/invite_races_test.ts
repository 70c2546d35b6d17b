// That an invite lets in as many as it says and nobody more, whoever races where, and whatever becomes of the commits.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Core } from "../../kv/core.ts";
import { Refused } from "../../kv/errors.ts";
import { keys } from "../../kv/keys.ts";
import type { Member } from "../../kv/log/event.ts";
import type { Principal } from "../../kv/principal.ts";
import { acceptInvite } from "../../kv/rooms/accept.ts";
import type { Invite } from "../../kv/rooms/invite.ts";
import { createInvite, revokeInvite } from "../../kv/rooms/invites.ts";
import { changeMember } from "../../kv/rooms/members.ts";
import { register } from "../../kv/rooms/register.ts";
import type { Outcome } from "../../kv/store.ts";
import {
  type FaultyStore,
  inWorld,
  notStored,
  run,
  storedWithoutAnswer,
} from "../accounts/world.ts";
import { headOf, people, person, roomOf, say, wholeLog } from "../log/world.ts";

const ISOLATES = 3;

/** A write that the transport has sent twice finds itself there. */
const storedButCalledLost = async (commit: () => Promise<Outcome>) => {
  await commit();
  return { kind: "lost" } as const;
};
const asItIs: FaultyStore["faults"][number] = (commit) => commit();

const race = fc.record({
  maxUses: fc.integer({ min: 1, max: 6 }),
  /** Where each asks; who is named twice asks twice. */
  asks: fc.array(
    fc.record({
      who: fc.nat(7),
      isolate: fc.nat(ISOLATES - 1),
      /** Registers by the invite, where it is not somebody who is here. */
      registers: fc.boolean(),
    }),
    { minLength: 1, maxLength: 16 },
  ),
  faults: fc.array(
    fc.constantFrom(
      asItIs,
      asItIs,
      storedWithoutAnswer,
      notStored,
      storedButCalledLost,
    ),
    { maxLength: 12 },
  ),
  talks: fc.boolean(),
});

/** Resolves to the code of a refusal, null where there was none. */
async function codeOf(asked: Promise<unknown>): Promise<string | null> {
  try {
    await asked;
    return null;
  } catch (thrown) {
    assert.ok(thrown instanceof Refused, String(thrown));
    return thrown.code;
  }
}

Deno.test("exactly as many get in as an invite is for, by accepting and by registering", () =>
  fc.assert(
    fc.asyncProperty(
      race,
      ({ maxUses, asks, faults, talks }) =>
        inWorld(async ({ core, store, isolate }) => {
          const ada = await person(core, "ada");
          const guests: Principal[] = [];
          for (let i = 0; i < 8; i++) guests.push(await person(core, `g${i}`));
          const room = await roomOf(core, ada);
          const { code } = await run(
            core,
            createInvite,
            { room, maxUses },
            ada,
          );
          const isolates = Array.from({ length: ISOLATES }, () => isolate());

          store.faults.push(...faults);
          const asked = await Promise.all([
            ...asks.map(({ who, isolate, registers }) => {
              const at = isolates[isolate]!;
              return codeOf(
                registers
                  ? run(at, register, {
                    username: `newcomer${who}`,
                    password: "password of newcomer",
                    invite: code,
                  })
                  : run(at, acceptInvite, { code }, guests[who]!),
              );
            }),
            ...talks ? [codeOf(say(isolates[0]!, room, ada, "hello"))] : [],
          ]);
          store.faults.length = 0;

          for (const refusal of asked) {
            assert.match(refusal ?? "gone", /^(gone|username_taken)$/);
          }
          const wanted = new Set(
            asks.map(({ who, registers }) => `${registers} ${who}`),
          );
          const inside = await store.list<Member>(keys.members(room));
          const came = inside.length - 1;
          assert.equal(came, Math.min(maxUses, wanted.size));
          const left = await store.get<Invite>(keys.invite(room, code));
          assert.equal(left.value?.usesLeft, maxUses - came);
          assert.equal((await headOf(store, room)).memberCount, inside.length);
          // Who was told that they are in is in; of an account that was made, the one who made it was told, or nobody.
          for (const [i, { who, registers }] of asks.entries()) {
            if (registers || asked[i] !== null) continue;
            assert.ok(inside.some(({ key }) => key.at(-1) === `g${who}`));
          }
          // There is no account without its room, and no member without an account.
          const names = (await store.list<{ user: string }>(["name"]))
            .filter(({ key }) => String(key.at(-1)).startsWith("newcomer"));
          const newcomers = inside.map(({ key }) => String(key.at(-1)))
            .filter((user) => user !== "ada" && !/^g\d$/.test(user));
          assert.deepEqual(
            names.map(({ value }) => value.user).sort(),
            newcomers.sort(),
          );
          await wholeLog(store, room);
        }),
    ),
    { numRuns: 60 },
  ));

Deno.test("sixty at once on two isolates: forty get in, the others are told that it is gone", () =>
  inWorld(async ({ core, isolate, store }) => {
    const ada = await person(core, "ada");
    const others = await people(
      core,
      ...Array.from({ length: 60 }, (_, i) => `p${i}`),
    );
    const room = await roomOf(core, ada);
    const input = { room, maxUses: 40 };
    const { code } = await run(core, createInvite, input, ada);
    const isolates = [isolate(), isolate()];
    const asked = await Promise.all(
      others.map((who, i) =>
        codeOf(run(isolates[i % 2]!, acceptInvite, { code }, who))
      ),
    );
    assert.equal(asked.filter((one) => one === null).length, 40);
    assert.equal(asked.filter((one) => one === "gone").length, 20);
    assert.equal((await headOf(store, room)).memberCount, 41);
  }));

const ENDS: Record<
  string,
  (core: Core, room: string, code: string, ada: Principal) => Promise<unknown>
> = {
  "it is revoked": (core, room, code, ada) =>
    run(core, revokeInvite, { room, code }, ada),
  "its maker is demoted": (core, room, _code, ada) =>
    run(core, changeMember, { room, userId: "bob", role: "member" }, ada),
};
for (const [end, make] of Object.entries(ENDS)) {
  Deno.test(`nobody gets in after ${end} in another isolate, which this one has not heard of`, () =>
    inWorld(async ({ core, isolate, store }) => {
      const [ada, , dan, eve] = await people(core, "ada", "bob", "dan", "eve");
      const room = await roomOf(core, ada!, { bob: "admin" });
      const bob = await person(core, "bob");
      const { code } = await run(core, createInvite, { room }, bob);
      const here = isolate();
      // By now this isolate remembers the room as it was.
      await run(here, acceptInvite, { code }, dan!);
      await make(core, room, code, ada!);
      const before = (await headOf(store, room)).seq;
      assert.equal(
        await codeOf(run(here, acceptInvite, { code }, eve!)),
        "gone",
      );
      assert.equal((await headOf(store, room)).seq, before);
    }));
}
