// Every key in the database, so that the layout is read at a glance. Short first parts: keys are written per message.
import type { Key } from "./store.ts";

export const keys = {
  // What a room owns lies under its own prefix.
  room: (room: string): Key => ["r", room],
  /** `Head`: what the room is now. Every change of the room moves it. */
  head: (room: string): Key => ["r", room, "h"],
  /** The message created at `seq`, as its frame (see log/event.ts). */
  message: (room: string, seq: number): Key => ["r", room, "m", seq],
  messages: (room: string): Key => ["r", room, "m"],
  /** Any other durable event of the room: `EventRow`. */
  event: (room: string, seq: number): Key => ["r", room, "e", seq],
  events: (room: string): Key => ["r", room, "e"],
  /** What one user has sent in the room lately, and how much in all (see log/ledger.ts). */
  sender: (room: string, user: string): Key => ["r", room, "s", user],
  /** What a user sent before, in pages named by their last message. */
  sentPage: (room: string, user: string, seq: number): Key => [
    "r",
    room,
    "p",
    user,
    seq,
  ],
  sentPages: (room: string, user: string): Key => ["r", room, "p", user],
  /** What an edited message said first, hashed, to tell a repeat that differs. */
  firstText: (room: string, seq: number): Key => ["r", room, "t", seq],
  /** `Member`. */
  member: (room: string, user: string): Key => ["r", room, "u", user],
  members: (room: string): Key => ["r", room, "u"],
  /** `Invite`. */
  invite: (room: string, code: string): Key => ["r", room, "i", code],
  invites: (room: string): Key => ["r", room, "i"],

  // What a user owns.
  /** `Membership`: that the user is in the room. */
  membership: (user: string, room: string): Key => ["u", user, "r", room],
  memberships: (user: string): Key => ["u", user, "r"],
  /** `Mark`: how far the user has read in the room. */
  mark: (user: string, room: string): Key => ["u", user, "w", room],
  marks: (user: string): Key => ["u", user, "w"],
  profile: (user: string): Key => ["u", user, "p"],
  password: (user: string): Key => ["u", user, "k"],
  sessionOf: (user: string, session: string): Key => ["u", user, "s", session],
  sessionsOf: (user: string): Key => ["u", user, "s"],

  // How things are found.
  /** The user of a folded username; stays when the user is deleted, so that nobody takes the name. */
  username: (folded: string): Key => ["name", folded],
  email: (folded: string): Key => ["email", folded],
  /** A user under each folded name one may search by. */
  searchName: (folded: string, user: string): Key => ["find", folded, user],
  searchNames: (): Key => ["find"],
  /** The direct room of two users, in the order of `pairOf`. */
  pair: (a: string, b: string): Key => ["pair", a, b],
  /** Channels by folded name. */
  channel: (folded: string, room: string): Key => ["public", folded, room],
  channels: (): Key => ["public"],
  /** The room of an invite. */
  invited: (code: string): Key => ["invite", code],

  /** Who somebody of the identity provider's is here; stays when the user is deleted. */
  identity: (issuer: string, subject: string): Key => [
    "identity",
    issuer,
    subject,
  ],

  session: (session: string): Key => ["session", session],
  /** When a session of the identity provider's was ended last (see accounts/sessions.ts); stays. */
  endedFamily: (family: string): Key => ["ended", family],
  /** `ServiceKey`. */
  serviceKey: (id: string): Key => ["key", id],
  serviceKeys: (): Key => ["key"],
  ticket: (hash: string): Key => ["ticket", hash],
  /** What a POST with an `Idempotency-Key` answered. */
  answered: (digest: string): Key => ["answered", digest],

  // How isolates hear of commits.
  bell: (): Key => ["bell"],
  feed: (): Key => ["feed"],

  // Work that waits.
  /** Due jobs in order of time. */
  job: (dueAt: number, id: string): Key => ["job", dueAt, id],
  jobs: (): Key => ["job"],
  deadJob: (id: string): Key => ["dead", id],
  deadJobs: (): Key => ["dead"],

  // The installation.
  signingKey: (kid: string): Key => ["jwk", kid],
  signingKeys: (): Key => ["jwk"],
  /** Raised when a backup is restored. */
  generation: (): Key => ["generation"],
};
