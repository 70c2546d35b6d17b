// What services and admins do: users of theirs, and the keys of services.
import {
  createKey,
  listKeys,
  revokeKey,
} from "../kv/accounts/key_operations.ts";
import {
  createSession,
  createUser,
  findUser,
} from "../kv/accounts/made_users.ts";
import { setSuspended } from "../kv/accounts/suspension.ts";
import { type Route, route } from "./route.ts";

export const ADMIN: readonly Route[] = [
  route("POST", "/admin/users", createUser, 201),
  route("GET", "/admin/users", findUser, 200),
  route("PATCH", "/admin/users/:userId", setSuspended, 200),
  route("POST", "/admin/users/:userId/sessions", createSession, 201),
  route("POST", "/admin/keys", createKey, 201),
  route("GET", "/admin/keys", listKeys, 200),
  route("DELETE", "/admin/keys/:key", revokeKey, 204),
];
