// Under what a socket is told of its user: the user's id, and the service key's where one opened it.
import type { Principal } from "../../kv/principal.ts";
import type { Hub, UserFollower } from "../hub.ts";

export function attend(
  hub: Hub,
  { user, session, key }: Principal,
  follower: UserFollower,
): void {
  hub.attend(user, follower);
  // The end of a key rings by the key, whomever it acts for.
  if (key) hub.attend(session, follower);
}

export function leave(
  hub: Hub,
  { user, session }: Principal,
  follower: UserFollower,
): void {
  hub.leave(user, follower);
  hub.leave(session, follower);
}
