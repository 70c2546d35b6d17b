// Exchanging a refresh token for its successor, and what a token that was spent before means.
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import { endSessions, isLive, type Session, writeSession } from "./sessions.ts";
import { AGAIN, settle } from "./settle.ts";

/** What a genuine token of a session is, by its generation. */
type Verdict = "current" | "repeated" | "reused" | "impossible";

/**
 * The session after `token` was spent: its `generation` is that of the successor. Two tabs, or a client that lost
 * the answer, get the same successor. A token that its successor has replaced is in two hands: the session ends.
 * Throws `unauthenticated`.
 */
export async function rotate(core: Core, token: string): Promise<Session> {
  const { store, clock, accounts } = core;
  const claim = accounts.refreshTokens.parse(token);
  if (!claim) throw refused();

  return await settle(clock, async () => {
    const row = await store.get<Session>(keys.session(claim.session));
    const session = row.value;
    const now = clock.now();
    if (!session || !isLive(session, now)) throw refused();
    if (!accounts.refreshTokens.isGenuine(claim, session.salt)) throw refused();

    switch (judge(session, claim.generation, now)) {
      case "impossible":
        throw refused();
      case "reused":
        await endSessions(core, session.user, [session.id]);
        throw refused();
      case "repeated":
        return session;
      case "current": {
        const next: Session = {
          ...session,
          generation: session.generation + 1,
          rotatedAt: now,
          seenAt: now,
          expiresAt: now + accounts.sessionMs,
        };
        const outcome = await store.commit({
          checks: [{ key: row.key, version: row.version }],
          mutations: writeSession(clock, next),
        });
        // Lost or unknown: if this token was spent after all, the next reading finds it "repeated".
        return outcome.kind === "stored" ? next : AGAIN;
      }
    }
  });
}

/** A generation before the last proves that the last was presented: whoever holds it is late, or a thief. */
function judge(session: Session, generation: number, now: number): Verdict {
  if (generation > session.generation) return "impossible";
  if (generation === session.generation) return "current";
  // Another isolate's clock may be ahead of this one.
  const age = Math.max(0, now - session.rotatedAt);
  const isLast = generation === session.generation - 1;
  return isLast && age <= LIMITS.refreshGraceMs ? "repeated" : "reused";
}

function refused(): Refused {
  return new Refused("unauthenticated", "This refresh token is not valid.");
}
