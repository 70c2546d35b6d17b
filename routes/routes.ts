// Every route under /api/v1, resource by resource.
import { ADMIN } from "./admin.ts";
import { AUTH } from "./auth.ts";
import { INVITES } from "./invites.ts";
import { MEMBERS } from "./members.ts";
import { MESSAGES } from "./messages.ts";
import { RECEIPTS } from "./receipts.ts";
import { ROOMS } from "./rooms.ts";
import type { Route } from "./route.ts";
import { USERS } from "./users.ts";

export const ROUTES: readonly Route[] = [
  ...AUTH,
  ...USERS,
  ...ROOMS,
  ...MEMBERS,
  ...INVITES,
  ...MESSAGES,
  ...RECEIPTS,
  ...ADMIN,
];
