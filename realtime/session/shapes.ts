// The shapes of what a socket says and is told about its rooms: places, gaps, lists.
import * as z from "zod";
import { id, me, myRoom, seq } from "../../kv/shapes.ts";

const place = z.object({ epoch: z.string().min(1).max(64), seq });
export const places = z.record(id, place);
/** What a client has of rooms: the `epoch` it saw and the last `seq` it holds. */
export type Places = z.infer<typeof places>;

export const gap = z.object({
  room: id,
  reason: z.enum(["epoch", "retention", "ahead", "left"]),
  have: seq,
  min: seq.optional(),
  head: seq.optional(),
}).meta({ id: "Gap" });
export type Gap = z.infer<typeof gap>;

export const listed = z.object({
  rooms: z.array(myRoom),
  nextCursor: z.string().optional(),
  resumed: z.array(id),
  gaps: z.array(gap),
});
export type Listed = z.infer<typeof listed>;

export const welcome = listed.extend({
  session: id,
  user: me,
  heartbeatMs: z.int(),
  limits: z.record(z.string(), z.int()),
});
export type Welcome = z.infer<typeof welcome>;

/** A reply's data, and what is to happen once the reply is on its way. */
export interface Answer<Data> {
  readonly data: Data;
  afterwards?(): void;
}
