// What registering, logging in and refreshing have in common: their answer.
import * as z from "zod";
import type { Core } from "../core.ts";
import { liveUser } from "../shapes.ts";
import { type LiveProfile, toUser } from "./profiles.ts";
import type { Session } from "./sessions.ts";

export const signedIn = z.object({
  user: liveUser,
  accessToken: z.string(),
  refreshToken: z.string(),
  expiresIn: z.int().describe("Seconds until the access token expires"),
}).meta({ id: "SignedIn" });

/** The tokens of a session as it is now. */
export async function signIn(
  { accounts }: Core,
  profile: LiveProfile,
  session: Session,
): Promise<z.infer<typeof signedIn>> {
  return {
    user: toUser(profile),
    accessToken: await accounts.accessTokens.sign({
      user: profile.id,
      session: session.id,
    }),
    refreshToken: accounts.refreshTokens.make(
      session.id,
      session.generation,
      session.salt,
    ),
    expiresIn: accounts.accessTokens.seconds,
  };
}
