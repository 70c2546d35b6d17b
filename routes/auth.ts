// Signing up and in, and what one is signed in with.
import { logIn } from "../kv/accounts/login.ts";
import {
  endAllSessions,
  endOwnSession,
  listSessions,
  logOut,
  readSession,
  refresh,
} from "../kv/accounts/session_operations.ts";
import { createTicket } from "../kv/accounts/tickets.ts";
import { register } from "../kv/rooms/register.ts";
import { type Route, route } from "./route.ts";

export const AUTH: readonly Route[] = [
  route("POST", "/auth/register", register, 201),
  route("POST", "/auth/login", logIn, 200),
  route("POST", "/auth/refresh", refresh, 200),
  route("POST", "/auth/logout", logOut, 204),
  route("POST", "/auth/tickets", createTicket, 201),
  route("GET", "/auth/sessions", listSessions, 200),
  route("DELETE", "/auth/sessions", endAllSessions, 204),
  route("GET", "/auth/sessions/:session", readSession, 200),
  route("DELETE", "/auth/sessions/:session", endOwnSession, 204),
];
