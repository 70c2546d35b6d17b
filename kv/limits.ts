// Every bound in one place. Sizes in bytes, times in milliseconds, unless the name says otherwise.

export const LIMITS = {
  /** A message's text, in code points. */
  textCodePoints: 8000,
  displayNameCodePoints: 80,
  aboutCodePoints: 500,
  /** An avatar's address; a page of users must fit into a response. */
  avatarLength: 500,
  roomNameCodePoints: 100,
  descriptionCodePoints: 1000,
  passwordCodePoints: 256,
  clientIdLength: 64,

  /** A request or response body, and a frame from a client. */
  bodyBytes: 128 * 1024,
  /** How deep JSON may nest. */
  jsonDepth: 32,

  roomsPerUser: 5000,
  membersAtCreation: 100,
  sessionsPerUser: 100,
  socketsPerUser: 100,
  pageItems: 100,

  /** Those that are good; as many that are not are remembered. */
  invitesPerRoom: 100,
  inviteUses: 10_000,
  /** Where nothing else is said. */
  inviteSeconds: 7 * 24 * 60 * 60,
  inviteLongestSeconds: 365 * 24 * 60 * 60,

  /** Rooms listed by one `hello` or `resume`. */
  roomsPerHello: 200,
  commandsInFlight: 64,
  /** Bad frames (malformed, binary, unknown) at once after which a socket is closed; no setting scales this. */
  badFrames: 20,

  heartbeatMs: 25_000,
  helloWithinMs: 5_000,
  /** For sockets that showed who they are at the upgrade. */
  helloWithinAuthenticatedMs: 60_000,
  ticketMs: 30_000,
  /** How long a service key that expires may last: ten years. */
  keySeconds: 10 * 365 * 24 * 60 * 60,
  /** How long a spent refresh token may be repeated while its successor is unused. */
  refreshGraceMs: 30_000,
  /** How long a session or a service key may be believed without reading it again. */
  sessionCacheMs: 1_000,

  /** An array frame to a client that said `batch: true`. */
  batchFrames: 500,
  batchBytes: 64 * 1024,

  /** A socket with this much unsent gets no ephemeral events. */
  shedBytes: 256 * 1024,
  /** With this much unsent it gets nothing pushed: it reads the log itself as it drains. */
  lagBytes: 1024 * 1024,
  /** How long it may stay so before it is closed. */
  lagMs: 20_000,
} as const;
