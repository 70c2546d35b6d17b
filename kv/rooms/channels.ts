// The public list of channels, by name.
import * as z from "zod";
import { foldName } from "../accounts/names.ts";

import { parseKeyCursor, toKeyCursor } from "../cursor.ts";
import { keys } from "../keys.ts";
import { LIMITS } from "../limits.ts";
import { toRoom } from "../log/head.ts";
import { userOperation } from "../operation.ts";
import { listOf, page, room } from "../shapes.ts";
import type { Key } from "../store.ts";
import { readHeads } from "./mine.ts";

export function toChannelKey(name: string, room: string): Key {
  return keys.channel(foldName(name), room);
}

export const listChannels = userOperation({
  name: "room.public",
  summary: "All channels, by name",
  input: z.object(page),
  output: listOf(room),
  async run(core, { limit = LIMITS.pageItems, cursor }) {
    const rows = await core.store.list<string>(keys.channels(), {
      ...(cursor === undefined
        ? {}
        : { start: parseKeyCursor(keys.channels(), cursor) }),
      limit: limit + 1,
    });
    const heads = await readHeads(
      core,
      rows.slice(0, limit).map((row) => row.value),
    );
    return {
      items: heads.map(({ room, head }) =>
        toRoom(room, head, core.logs.generation)
      ),
      nextCursor: toKeyCursor(keys.channels(), rows[limit]?.key),
    };
  },
});
