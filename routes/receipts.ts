// How far one has read.
import { markRead } from "../kv/receipts/read.ts";
import { type Route, route } from "./route.ts";

export const RECEIPTS: readonly Route[] = [
  route("PUT", "/rooms/:room/receipts", markRead, 200),
];
