// Signing in by username or e-mail address and password.
import * as z from "zod";
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import { publicOperation } from "../operation.ts";
import type { Check } from "../store.ts";
import { line, secretText } from "../text.ts";
import { foldAscii } from "./names.ts";
import type { PasswordRecord } from "./passwords.ts";
import type { NameRow } from "./profiles.ts";
import { startSession } from "./session_start.ts";
import { newSession } from "./sessions.ts";
import { AGAIN, settle } from "./settle.ts";
import { signedIn, signIn } from "./sign_in.ts";

export const logIn = publicOperation({
  name: "account.login",
  summary: "Sign in with a username or an e-mail address",
  input: z.object({
    login: line(254),
    password: secretText(1, LIMITS.passwordCodePoints),
  }),
  output: signedIn,
  refusals: ["forbidden"],
  async run(core, { login, password }, caller) {
    let proof = await prove(core, login, password);
    const session = newSession(core, proof.user, caller);
    return await settle(core.clock, async () => {
      // Costs one reading, unless the password was changed since: then it is proven anew.
      proof = await prove(core, login, password, proof);
      const { check, rehashed } = proof;
      const profile = await startSession(core, session, {
        checks: [check],
        mutations: rehashed ? [{ key: check.key, value: rehashed }] : [],
      });
      // A user who is gone has no password either: the next proof says so.
      return profile === AGAIN || profile === null
        ? AGAIN
        : await signIn(core, profile, session);
    });
  },
});

/** That somebody knows a user's password, as long as `check` holds. */
interface Proof {
  readonly user: string;
  readonly check: Check;
  /** The password hashed at today's cost, where the stored hash was made at another. */
  readonly rehashed: PasswordRecord | null;
}

/**
 * Throws the same `unauthenticated`, after the same work, for an unknown user and for a wrong password.
 * A proof from `before` is good while its check holds.
 */
async function prove(
  { store, accounts: { passwords } }: Core,
  login: string,
  password: string,
  before?: Proof,
): Promise<Proof> {
  const folded = foldAscii(login);
  const { value: name } = await store.get<NameRow>(
    folded.includes("@") ? keys.email(folded) : keys.username(folded),
  );
  // Read for nobody, too: an unknown user must not be answered any sooner.
  const user = name?.user ?? "";
  const { key, value: stored, version } = await store.get<PasswordRecord>(
    keys.password(user),
  );
  if (stored && before?.user === user && before.check.version === version) {
    return before;
  }
  const matches = await passwords.matches(password, stored);
  if (!matches || !stored) {
    throw new Refused("unauthenticated", "Wrong name or password.");
  }
  return {
    user,
    check: { key, version },
    rehashed: passwords.isOutdated(stored)
      ? await passwords.hash(password)
      : null,
  };
}
