// The public list of channels, by name.
import * as z from "zod";
import { foldName } from "../accounts/names.ts";

import { parseKeyCursor, toKeyCursor } from "../cursor.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import { type Head, toRoom } from "../log/head.ts";
import { userOperation } from "../operation.ts";
import { countFitting } from "../page.ts";
import { listOf, page, room } from "../shapes.ts";
import type { Key } from "../store.ts";

export function toChannelKey(name: string, room: string): Key {
  return keys.channel(foldName(name), room);
}

export const listChannels = userOperation({
  name: "room.public",
  summary: "All channels, by name",
  scope: "rooms",
  input: z.object(page),
  output: listOf(room),
  async run(core, { limit = LIMITS.pageItems, cursor }) {
    const rows = await core.store.list<string>(keys.channels(), {
      ...(cursor === undefined
        ? {}
        : { start: parseKeyCursor(keys.channels(), cursor) }),
      limit: limit + 1,
    });
    const heads = await core.store.getMany<Head>(
      rows.slice(0, limit).map((row) => keys.head(row.value)),
    );
    const shown = heads.map(({ value }, i) =>
      value === null || value.deleted
        ? null
        : toRoom(rows[i]!.value, value, core.logs.generation)
    );
    const fitting = countFitting(shown);
    return {
      items: shown.slice(0, fitting).filter((room) => room !== null),
      nextCursor: toKeyCursor(keys.channels(), rows[fitting]?.key),
    };
  },
});
