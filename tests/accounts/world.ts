// What the accounts' tests stand on: a real store in memory, a fake clock, hashing that costs nothing.
import assert from "node:assert/strict";
import type * as z from "zod";
import { Accounts, type AccountsSettings } from "../../kv/accounts/accounts.ts";
import { register } from "../../kv/rooms/register.ts";
import type { signedIn } from "../../kv/accounts/sign_in.ts";
import { authenticate } from "../../kv/accounts/verify.ts";
import type {
  Derive,
  PasswordCost,
} from "../../kv/accounts/password_algorithms.ts";
import type { Core } from "../../kv/core.ts";
import { type RefusalCode, Refused } from "../../kv/errors.ts";
import { Feed, type Ring } from "../../kv/log/feed.ts";
import { RoomLogs } from "../../kv/log/writer.ts";
import type { PublicOperation, UserOperation } from "../../kv/operation.ts";
import type { Caller, Principal } from "../../kv/principal.ts";
import { openStore, type Outcome, type Store } from "../../kv/store.ts";
import { FakeClock } from "../fake_clock.ts";

export const CALLER = { address: "192.0.2.1", agent: "test" };
export const SECRET = new Uint8Array(32).fill(7);
export const COST: PasswordCost = { memory: 8, passes: 1, parallelism: 1 };

export interface World {
  readonly clock: FakeClock;
  /** Of the last opened core; another isolate is `isolate()`. */
  readonly core: Core;
  readonly store: FaultyStore;
  /** Everything this isolate announced. */
  readonly rings: Ring[];
  /** Every password that was hashed, in order. */
  readonly derived: string[];
  isolate(settings?: Partial<AccountsSettings>): Core;
}

/** Runs a test on a fresh world and closes it. */
export async function inWorld(
  test: (world: World) => Promise<void>,
): Promise<void> {
  const clock = new FakeClock();
  const store = faulty(await openStore(":memory:"));
  const rings: Ring[] = [];
  const derived: string[] = [];
  const derive: Derive = async (password, salt, cost) => {
    derived.push(password);
    await Promise.resolve();
    // Stands for Argon2id, which has a test of its own: depends on all three.
    const text = `${password} ${salt.toBase64()} ${
      JSON.stringify(costOf(cost))
    }`;
    const bytes = new TextEncoder().encode(text);
    return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  };
  let isolates = 0;
  const isolate = (settings: Partial<AccountsSettings> = {}): Core => {
    const feed = new Feed(store, clock, `isolate-${++isolates}`);
    feed.listener((told) => void rings.push(...told));
    return {
      store,
      clock,
      feed,
      logs: new RoomLogs({ store, clock, feed }, 1),
      accounts: new Accounts({
        store,
        clock,
        secret: SECRET,
        issuer: "https://kvorum.test",
        audience: "kvorum",
        accessTokenSeconds: 900,
        refreshTokenSeconds: 30 * 24 * 3600,
        passwords: { cores: 2, cost: COST, derive },
        ...settings,
      }),
    };
  };
  try {
    await test({ clock, core: isolate(), store, rings, derived, isolate });
  } finally {
    store.close();
  }
}

function costOf({ memory, passes, parallelism }: PasswordCost): PasswordCost {
  return { memory, passes, parallelism };
}

/** A store whose next commits go as a test wants. */
export interface FaultyStore extends Store {
  /** Applied to the next commits, one each. */
  readonly faults: ((commit: () => Promise<Outcome>) => Promise<Outcome>)[];
}

export const storedWithoutAnswer = async (commit: () => Promise<Outcome>) => {
  await commit();
  return { kind: "unknown", cause: "test" } as const;
};
/** A write whose first answer was lost and which was sent again by the transport finds itself there. */
export const storedButCalledLost = async (commit: () => Promise<Outcome>) => {
  await commit();
  return { kind: "lost" } as const;
};
export const notStored = () =>
  Promise.resolve({ kind: "unknown", cause: "test" } as const);

function faulty(store: Store): FaultyStore {
  const faults: FaultyStore["faults"] = [];
  return {
    ...store,
    faults,
    commit(commit) {
      const fault = faults.shift();
      return fault ? fault(() => store.commit(commit)) : store.commit(commit);
    },
  };
}

export type SignedIn = z.output<typeof signedIn>;

export function signUp(
  core: Core,
  username: string,
  more: { displayName?: string; email?: string } = {},
): Promise<SignedIn> {
  return run(core, register, {
    username,
    password: `password of ${username}`,
    ...more,
  });
}

export async function signUpAs(
  core: Core,
  username: string,
  more: { displayName?: string; email?: string } = {},
): Promise<SignedIn & { principal: Principal }> {
  const signedIn = await signUp(core, username, more);
  const principal = await authenticate(core, signedIn.accessToken, CALLER);
  return { ...signedIn, principal };
}

/** Runs an operation as a route would: input and output pass their schemas, and nothing secret is shown. */
export async function run<Input extends z.ZodType, Output extends z.ZodType>(
  core: Core,
  operation:
    | PublicOperation<string, Input, Output>
    | UserOperation<string, Input, Output>,
  input: unknown,
  who: Caller | Principal = CALLER,
): Promise<z.output<Output>> {
  const parsed = operation.input.parse(input);
  const answer = operation.access === "public"
    ? await operation.run(core, parsed, who)
    : await operation.run(core, parsed, requirePrincipal(who));
  const shown = operation.output.parse(answer);
  assert.deepEqual(shown, answer, "the answer has fields its schema lacks");
  assertNothingSecret(shown);
  return shown;
}

function requirePrincipal(who: Caller | Principal): Principal {
  assert.ok("user" in who, "this operation is for principals");
  return who;
}

/** What clients are shown never names what only the server may know. */
export function assertNothingSecret(answer: unknown): void {
  assert.doesNotMatch(
    JSON.stringify(answer),
    /password of|argon2id|scrypt|"(password|hash|salt|generation)"/,
  );
}

export function refuses(
  code: RefusalCode,
  message?: string,
): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof Refused, String(error));
    assert.equal(error.code, code);
    if (message !== undefined) assert.equal(error.message, message);
    return true;
  };
}
