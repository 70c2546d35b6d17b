// What the tasks `key` and `admin` do to a database, whether or not a server has it open: how one gets in at first.
import { dirname } from "node:path";
import type * as z from "zod";
import { type Clock, systemClock } from "../clock.ts";
import type { Core } from "../core.ts";
import { Refused } from "../errors.ts";
import { randomId } from "../ids.ts";
import { refuseInput } from "../input.ts";
import { Feed } from "../log/feed.ts";
import { SCOPES } from "../scopes.ts";
import { username } from "../shapes.ts";
import { openStore } from "../store.ts";
import { appointByName } from "./admins.ts";
import { keyForm, makeKey } from "./new_key.ts";
import { Passwords } from "./passwords.ts";

/** Makes a service key for the account `name` and answers it. Throws {@link Refused}. */
export async function issueKey(
  database: string,
  name = "",
  ...scopes: readonly string[]
): Promise<string> {
  if (name === "" || scopes.length === 0) {
    const known = Object.keys(SCOPES).join(", ");
    throw new Refused(
      "invalid",
      `Name an account and its scopes: deno task key NAME SCOPE…, of ${known}.`,
    );
  }
  const form = parse(keyForm, { name, scopes });
  return await withCore(database, async (core) => {
    const { key } = await makeKey(core, form, null);
    return key;
  });
}

/** Makes the user `name` an admin, or a new user who is one. Answers what was done. Throws {@link Refused}. */
export async function appointAdmin(
  database: string,
  name = "",
  ...more: readonly string[]
): Promise<string> {
  if (name === "" || more.length > 0) {
    throw new Refused("invalid", "Name one user: deno task admin NAME.");
  }
  const admin = parse(username, name);
  const passwords = new Passwords({ cores: 1 });
  return await withCore(database, async (core) => {
    const { isNew, password } = await appointByName(core, passwords, admin);
    const done = isNew
      ? `${admin} is a new user and an admin.`
      : `${admin} is an admin, and signed out everywhere.`;
    return password === null
      ? done
      : `${done} Password, shown this once: ${password}`;
  });
}

function parse<Form extends z.ZodType>(form: Form, given: unknown) {
  const { data, error } = form.safeParse(given);
  if (error) throw refuseInput(error);
  return data;
}

async function withCore(
  database: string,
  act: (core: Pick<Core, "store" | "clock" | "feed">) => Promise<string>,
  clock: Clock = systemClock,
): Promise<string> {
  if (database === ":memory:") {
    throw new Refused("invalid", "KV is :memory:, which ends with the server.");
  }
  if (database.startsWith("data/")) {
    await Deno.mkdir(dirname(database), { recursive: true, mode: 0o700 });
  }
  const store = await openStore(database, clock);
  try {
    return await act({
      store,
      clock,
      feed: new Feed(store, clock, randomId()),
    });
  } finally {
    store.close();
  }
}
