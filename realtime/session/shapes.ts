// The shapes of what a socket says and is told about its rooms: places, gaps, lists.
import * as z from "zod";
import { LIMITS } from "../../kv/limits.ts";
import { id, me, myRoom, seq } from "../../kv/shapes.ts";

const place = z.object({
  epoch: z.string().min(1).max(64).describe("As the room was listed with"),
  seq: seq.describe("Of the last frame one has of the room"),
});
export const places = z.record(id, place).describe("By the rooms' ids");
/** What a client has of rooms: the `epoch` it saw and the last `seq` it holds. */
export type Places = z.infer<typeof places>;

export const gap = z.object({
  room: id,
  reason: z.enum(["epoch", "retention", "ahead", "left"]).describe(
    "`epoch`: the database was put back to an older state. `retention`: older than what is kept. " +
      "`ahead`: the room has not got so far. `left`: one was not in the room at that `seq`",
  ),
  have: seq.describe("What was to be resumed from"),
  min: seq.optional().describe("The oldest that is kept"),
  head: seq.optional().describe(
    "The room's last `seq`, from where it is followed; absent where one is no longer in it",
  ),
}).meta({ id: "Gap" });
export type Gap = z.infer<typeof gap>;

export const listed = z.object({
  rooms: z.array(myRoom),
  nextCursor: z.string().optional(),
  resumed: z.array(id),
  gaps: z.array(gap),
});
export type Listed = z.infer<typeof listed>;

const limits = z.object({
  frameBytes: z.int().describe("A frame from the client"),
  textCodePoints: z.int().describe("A message's text"),
  commandsInFlight: z.int(),
  socketsPerUser: z.int(),
  roomsPerUser: z.int(),
  batchFrames: z.int().describe("Frames in one array of a `batch` client's"),
  batchBytes: z.int().describe("Such an array, unless one frame is larger"),
}).meta({ id: "Limits" });

/** The bounds that a client has to know; the others are the server's own business. */
export const TOLD_LIMITS: z.infer<typeof limits> = {
  frameBytes: LIMITS.bodyBytes,
  textCodePoints: LIMITS.textCodePoints,
  commandsInFlight: LIMITS.commandsInFlight,
  socketsPerUser: LIMITS.socketsPerUser,
  roomsPerUser: LIMITS.roomsPerUser,
  batchFrames: LIMITS.batchFrames,
  batchBytes: LIMITS.batchBytes,
};

export const welcome = listed.extend({
  session: id,
  user: me,
  heartbeatMs: z.int(),
  limits,
});
export type Welcome = z.infer<typeof welcome>;

/** A reply's data, and what is to happen once the reply is on its way. */
export interface Answer<Data> {
  readonly data: Data;
  afterwards?(): void;
}
