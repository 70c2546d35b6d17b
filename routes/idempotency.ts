// POSTs that are safe to repeat: the first answer to an `Idempotency-Key` is the answer for 24 hours.
import { createHash } from "node:crypto";
import type { Core } from "../kv/core.ts";
import {
  isRetryable,
  REFUSALS,
  Refused,
  toWireError,
  type WireError,
} from "../kv/errors.ts";
import { randomId } from "../kv/ids.ts";
import { keys } from "../kv/keys.ts";
import type { Principal } from "../kv/principal.ts";
import type { Row } from "../kv/store.ts";
import { weightOf } from "../kv/values.ts";

const KEPT_MS = 24 * 60 * 60_000;
/** A reservation this old belonged to a process that died; running it again is safe, see `answerOnce`. */
const ABANDONED_MS = 60_000;
/** How long to wait for the first one, again and again, before the client is asked to. */
const WAITS_MS = [0, 50, 100, 200, 400, 800];
/** A value holds 64 KiB; a larger answer is not kept, its repeat runs again. */
const ANSWER_BYTES = 60_000;

interface Kept {
  /** What was asked, to tell a repeat from another request under the same key. */
  readonly asked: string;
  /** Whose reservation it is. */
  readonly run: string;
  readonly reservedAt: number;
  readonly storedUntil: number;
  /** Absent while the request runs. */
  readonly answer?: Answer;
}

type Answer = { readonly output: unknown } | { readonly refused: WireError };

export interface Asked {
  readonly principal: Principal;
  /** Path with ids; the key holds for this path and user only. */
  readonly path: string;
  readonly key: string;
  readonly input: unknown;
}

/**
 * Runs a request unless it was answered before; then says so by `replaying` and gives that answer,
 * be it a refusal.
 *
 * `run` is given the principal with an `idempotencyKey` of 43 characters that is the same for every
 * repeat: operations derive their ids from it, so that running twice after a crash does nothing twice.
 *
 * Throws `conflict` where the key stood for another input, `unavailable` while the first is still
 * running, and whatever `run` throws.
 */
export async function answerOnce(
  core: Core,
  { principal, path, key, input }: Asked,
  run: (principal: Principal) => Promise<unknown>,
  replaying: () => void,
): Promise<unknown> {
  const { user, key: by } = principal;
  // What a service sends for its user is another request than what the user sends.
  const sender = by ? [user, by.account] : [user];
  const digest = hash(JSON.stringify([...sender, path, key]));
  // A schema's output has its fields in the schema's order, however they were sent. An input may hold a password.
  const asked = core.accounts.fingerprint(JSON.stringify([key, input]));
  const mine = { asked, run: randomId() };

  for (const wait of WAITS_MS) {
    if (wait > 0) await core.clock.sleep(wait);
    const now = core.clock.now();
    const row = await core.store.get<Kept>(keys.answered(digest));
    const kept = row.value && row.value.storedUntil > now ? row.value : null;
    if (kept && kept.asked !== mine.asked) throw reused();
    if (kept?.answer) {
      replaying();
      return read(kept.answer);
    }
    // An unanswered reservation of our own may have been stored all the same.
    let version = kept?.run === mine.run ? row.version : null;
    if (!kept || now - kept.reservedAt >= ABANDONED_MS) {
      version = await write(core, row, { ...mine, reservedAt: now });
    }
    if (version === null) continue;
    const reserved = { ...row, version };
    const output = await run({ ...principal, idempotencyKey: digest }).catch(
      async (thrown: unknown) => {
        if (isFinal(thrown)) {
          await keep(core, reserved, mine, { refused: toWireError(thrown) });
        } else await release(core, reserved);
        throw thrown;
      },
    );
    await keep(core, reserved, mine, { output });
    return output;
  }
  throw new Refused(
    "unavailable",
    "The first request with this Idempotency-Key is still running.",
    { retryAfterMs: 1000 },
  );
}

/** The request's key, or null where there is none. Throws `invalid`. */
export function requireIdempotencyKey(header: string | undefined) {
  if (header === undefined) return null;
  if (/^[\x20-\x7e]{1,255}$/.test(header)) return header;
  const message = "must be 1 to 255 printable ASCII characters";
  throw new Refused("invalid", `Idempotency-Key: ${message}`, {
    errors: [{ path: "Idempotency-Key", message }],
  });
}

type Mine = Pick<Kept, "asked" | "run">;

/** Answers the new version, or null where somebody else was first or nobody knows. */
async function write(
  core: Core,
  row: Row,
  kept: Omit<Kept, "storedUntil">,
): Promise<string | null> {
  const value = { ...kept, storedUntil: core.clock.now() + KEPT_MS };
  const outcome = await core.store.commit({
    checks: [{ key: row.key, version: row.version }],
    mutations: [{ key: row.key, value, expireInMs: KEPT_MS }],
  });
  return outcome.kind === "stored" ? outcome.version : null;
}

// That an answer is not kept harms nobody: the reservation runs out, and a repeat does nothing twice.
async function keep(core: Core, row: Row, mine: Mine, answer: Answer) {
  if (weightOf(answer) > ANSWER_BYTES) return await release(core, row);
  await write(core, row, { ...mine, reservedAt: core.clock.now(), answer });
}

async function release(core: Core, { key, version }: Row) {
  await core.store.commit({
    checks: [{ key, version }],
    mutations: [{ key, delete: true }],
  });
}

function read(answer: Answer): unknown {
  if ("refused" in answer) {
    const { code, message, errors } = answer.refused;
    throw new Refused(code, message, errors === undefined ? {} : { errors });
  }
  return answer.output;
}

function isFinal(thrown: unknown): boolean {
  return thrown instanceof Refused && !isRetryable(thrown.code) &&
    REFUSALS[thrown.code].status < 500 && REFUSALS[thrown.code].status !== 401;
}

function reused(): Refused {
  return new Refused(
    "conflict",
    "This Idempotency-Key was used for another request.",
  );
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
