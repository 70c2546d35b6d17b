// Oneself and others.
import { deleteMe } from "../kv/accounts/deletion.ts";
import { searchUsers } from "../kv/accounts/search.ts";
import { getUser, readMe, updateMe } from "../kv/accounts/users.ts";
import { type Route, route } from "./route.ts";

export const USERS: readonly Route[] = [
  route("GET", "/users/me", readMe, 200),
  route("PATCH", "/users/me", updateMe, 200),
  route("DELETE", "/users/me", deleteMe, 204),
  route("GET", "/users", searchUsers, 200),
  route("GET", "/users/:userId", getUser, 200),
];
