// Finding users by the beginning of a name, page by page, or several by their ids.
import * as z from "zod";
import type { Core } from "../core.ts";
import { parseKeyCursor, toKeyCursor } from "../cursor.ts";
import { Refused } from "../errors.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import { userOperation } from "../operation.ts";
import { id, listOf, page, user } from "../shapes.ts";
import type { Found, Key } from "../store.ts";
import { line } from "../text.ts";
import { foldName } from "./names.ts";
import {
  isDeleted,
  readUsers,
  type SearchRow,
  toListedUser,
} from "./profiles.ts";

/** Rows read at most for one page, however few of them are to be shown. */
const ROWS_PER_PAGE = 1000;
/** No text begins with this code point, so every text with a prefix sorts below prefix and it. */
const HIGHEST = "\u{10ffff}";

export const searchUsers = userOperation({
  name: "user.search",
  summary:
    "Find users whose username or display name begins with `q`, or read those of `ids`",
  scope: "users",
  input: z.object({
    q: line(LIMITS.displayNameCodePoints).optional(),
    ids: z.string().max(LIMITS.pageItems * 65).optional()
      .describe(
        "Up to 100 ids, separated by commas; unknown ones are left out",
      ),
    ...page,
  }),
  output: listOf(user),
  async run(core, { q, ids, limit = 20, cursor }) {
    if (ids !== undefined) {
      return { items: await readByIds(core, ids.split(",")), nextCursor: null };
    }
    if (q === undefined) throw new Refused("invalid", "Give `q` or `ids`.");
    return await search(core, foldName(q), limit, cursor);
  },
});

async function readByIds(core: Core, ids: string[]) {
  if (ids.length > LIMITS.pageItems) {
    throw new Refused("invalid", `Give at most ${LIMITS.pageItems} ids.`);
  }
  const wellFormed = ids.filter((text) => id.safeParse(text).success);
  return [...(await readUsers(core, wellFormed)).values()].map((profile) =>
    toListedUser(profile)
  );
}

async function search(
  core: Core,
  prefix: string,
  limit: number,
  cursor: string | undefined,
) {
  const hits: string[] = [];
  let next: Key | undefined = cursor === undefined
    ? [...keys.searchNames(), prefix]
    : parseCursor(cursor, prefix);
  let rowsLeft = ROWS_PER_PAGE;
  while (next && hits.length < limit && rowsLeft > 0) {
    const asked = Math.min(2 * limit, rowsLeft);
    const rows: Found<SearchRow>[] = await core.store.list(keys.searchNames(), {
      start: next,
      end: [...keys.searchNames(), prefix + HIGHEST],
      limit: asked + 1,
    });
    rowsLeft -= asked;
    next = rows[asked]?.key;
    for (const { key, value } of rows.slice(0, asked)) {
      if (hits.length === limit) {
        next = key;
        break;
      }
      if (!isDouble(key, value, prefix)) hits.push(String(key.at(-1)));
    }
  }
  const found = await readUsers(core, hits);
  return {
    items: [...found.values()]
      // Deleted between the two readings.
      .filter((profile) => !isDeleted(profile))
      .map((profile) => toListedUser(profile)),
    nextCursor: toKeyCursor(keys.searchNames(), next),
  };
}

/** Who is found by both names is shown for the username only, on whichever page that is. */
function isDouble(key: Key, { username }: SearchRow, prefix: string): boolean {
  return key.at(-2) !== username && username.startsWith(prefix);
}

function parseCursor(cursor: string, prefix: string): Key {
  const key = parseKeyCursor(keys.searchNames(), cursor);
  const name = String(key[keys.searchNames().length]);
  if (!name.startsWith(prefix) || name.startsWith(prefix + HIGHEST)) {
    throw new Refused("invalid", "This cursor is from another search.");
  }
  return key;
}
