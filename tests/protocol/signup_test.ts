// Who may register at a whole server is what its setting says; what invites do is tried at tests/rooms.
import assert from "node:assert/strict";
import { test } from "./world.ts";

const NOBODY_KNOWN = "0".repeat(22);

test("whom a server lets register is what SIGNUP says", async (served) => {
  const ways = [
    ["", {}, undefined],
    ["open", {}, undefined],
    ["invite", {}, "forbidden"],
    ["invite", { invite: NOBODY_KNOWN }, "not_found"],
    ["closed", {}, "forbidden"],
    ["closed", { invite: NOBODY_KNOWN }, "forbidden"],
  ] as const;
  for (const [SIGNUP, more, code] of ways) {
    await served(async ({ ask }) => {
      const form = { username: "ada", password: "correct horse battery" };
      const { body } = await ask(null, "POST", "/auth/register", {
        ...form,
        ...more,
      });
      assert.equal(body.code, code, `${SIGNUP} ${JSON.stringify(more)}`);
    }, { env: { SIGNUP } });
  }
});
