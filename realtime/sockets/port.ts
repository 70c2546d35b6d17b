// What a session knows of a socket, whatever transport is under it; docs/transports.md says what each cannot do.

/** The only subprotocol that is chosen, where it is offered. */
export const SUBPROTOCOL = "kvorum.v1";

/**
 * Text frames that go together, in order. One packet may be written to many sockets:
 * an adapter keeps its encoding in `wire`, which nobody else touches.
 */
export interface Packet {
  readonly texts: readonly string[];
  wire?: Uint8Array;
}

/** One open socket. No call throws or blocks; after the end each of them does nothing. */
export interface SocketPort {
  /** Writes each packet's texts as frames, in order, in as few writes as the transport can. */
  write(packets: readonly Packet[]): void;
  /** Bytes handed over and not yet taken by the network. */
  readonly buffered: number;
  /** Resolves once `buffered` is at most `bytes`, or when the socket is gone. Never rejects. */
  whenDrained(bytes: number): Promise<void>;
  /** Asks for a sign of life: `alive` follows from a peer that is there. */
  ping(): void;
  /**
   * Says goodbye after what was written, and ends the socket soon even if the peer does not answer.
   * Of the events only `closed` still comes. The reason is cut to 123 bytes.
   */
  close(code: number, reason: string): void;
  /** Ends it now, unsent bytes are lost. Of the events only `closed` still comes. */
  terminate(): void;
  /**
   * Stops reading, the way to push back on a client: no `text` or `binary` until `resume`.
   * Meanwhile nothing is heard, pongs neither, so a pause must be shorter than the heartbeat's patience.
   */
  pause(): void;
  /** Reads on, first what came before the pause took hold; counts as a sign of life. */
  resume(): void;
}

/** What a socket tells its session, one event at a time. A handler that throws costs only its own socket (1011). */
export interface SocketEvents {
  /** A whole text frame, valid UTF-8, at most `LIMITS.bodyBytes`. */
  text(frame: string): void;
  /** A binary frame; its content is not kept. */
  binary(): void;
  /** Something was heard of the peer: any frame or part of one, a pong. */
  alive(): void;
  /**
   * Exactly once, last of all, however the socket ended. The code is that of the peer's close frame
   * (1005: an empty one), or of the rule it broke (1002, 1007, 1008, 1009); 1006 without either.
   */
  closed(code: number, reason: string): void;
}

/** Called when a socket has opened, before anything is read from it. */
export type Attend = (port: SocketPort) => SocketEvents;
