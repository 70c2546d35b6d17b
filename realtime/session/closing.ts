// Why the server ends a socket: 40xx come back and resume, 41xx come back after mending, 44xx do not.
import { repliesFirst } from "../../kv/log/feed.ts";
import { userFrame } from "../frames.ts";
import type { Outbox } from "./outbox.ts";

export const CLOSINGS = {
  draining: { code: 4001, meaning: "the server stops or moves; come back" },
  too_slow: { code: 4008, meaning: "what is sent is not read fast enough" },
  no_heartbeat: { code: 4009, meaning: "nothing was heard for two intervals" },
  rate_limited: { code: 4029, meaning: "too much, too fast, for too long" },
  token_expired: {
    code: 4101,
    meaning: "the access token ran out: refresh it",
  },
  malformed: { code: 4400, meaning: "too many frames that are no commands" },
  unauthenticated: {
    code: 4401,
    meaning: "not, or no longer, authenticated",
  },
  forbidden: { code: 4403, meaning: "a service key without the scopes for it" },
} as const;

export type Closing = keyof typeof CLOSINGS;

/** `bye`: the last frame before a close, where it can be sent. */
export function byeFrame(closing: Closing, afterMs: number): string {
  const { code } = CLOSINGS[closing];
  return userFrame("bye", {
    code,
    reason: closing,
    reconnect: code < 4400,
    afterMs,
  });
}

/** The session has ended, or its user is gone: says so, and ends the socket for it. */
export async function endWithSession(
  host: { readonly outbox: Outbox; end(closing: Closing): void },
  session: string,
): Promise<void> {
  // Perhaps by a command of this very socket.
  await repliesFirst();
  host.outbox.push(userFrame("session.ended", { session }));
  host.end("unauthenticated");
}
