// What a transport cannot do, and what it does instead: named by the cases of the suite, shown in docs/transports.md.

export interface Inability {
  readonly adapter: "ws" | "native";
  /** Ends the sentence "It cannot …". */
  readonly what: string;
  /** A whole clause. */
  readonly instead: string;
}

export const CANNOT = {
  say_why: {
    adapter: "native",
    what: "tell a peer that broke the protocol why it is cut off",
    instead:
      "the connection ends without a close frame; the session is told 1002 or 1007",
  },
  check_masks: {
    adapter: "native",
    what: "refuse a client's frame that is not masked",
    instead: "it is read like any other",
  },
  measure_controls: {
    adapter: "native",
    what: "refuse a pong or a close frame of more than 125 bytes",
    instead: "it is read like any other",
  },
  see_cut_texts: {
    adapter: "native",
    what: "refuse a text in fragments that ends within a character",
    instead: "the character's bytes are left out",
  },
  cap_while_reading: {
    adapter: "native",
    what: "refuse a large message before it has come whole",
    instead:
      "up to 64 MiB are read into memory; what is over 128 KiB is then closed with 1009",
  },
  count_fragments: {
    adapter: "native",
    what: "refuse a message in very many fragments",
    instead: "they are collected, up to 64 MiB",
  },
  stop_reading: {
    adapter: "native",
    what: "push back on a client by not reading",
    instead:
      "a paused session's frames are held, and past 512 KiB or 1,000 frames it is closed with 4008",
  },
  ping_when_asked: {
    adapter: "native",
    what: "ping when asked to, or see a pong",
    instead:
      "the runtime pings after 25 seconds of silence and ends the connection after 50, with 1001 in place of 4009",
  },
  cut_off: {
    adapter: "native",
    what: "cut a connection off",
    instead:
      "a peer that does not answer a close frame is forgotten; its connection stays until the peer or the network ends it",
  },
  hear_late_answers: {
    adapter: "native",
    what: "wait for the answer to a close frame when other frames come first",
    instead: "the first of them ends the connection, and 1006 is told",
  },
  take_1014: {
    adapter: "native",
    what: "take close code 1014 (bad gateway), which came after RFC 6455",
    instead: "it is answered with 1002",
  },
  fail_fast: {
    adapter: "ws",
    what: "refuse bad UTF-8 before the message's last fragment",
    instead: "it is closed with 1007 when the message is whole",
  },
} as const satisfies Record<string, Inability>;

export type Cannot = keyof typeof CANNOT;
