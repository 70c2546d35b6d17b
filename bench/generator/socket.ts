// One WebSocket connection of the generator's: node:net, one buffer that all of them read into, no parsing but of headers.
import { Buffer } from "node:buffer";
import { connect, type Socket as Connection } from "node:net";
import { CLOSE, FrameCutter, PING, PONG_FRAME, TEXT } from "./frames.ts";

/** What is told of a socket. What one of these throws ends the socket, and is told to `failed`. */
export interface SocketListener {
  /** A piece was read; its frames follow. */
  begin(): void;
  text(bytes: Buffer, start: number, end: number): void;
  failed(fault: unknown): void;
}

/** A piece is dealt with before the next is read, so one buffer serves all. */
const PIECE = Buffer.allocUnsafeSlow(256 * 1024);
const HANDSHAKE_ENDS = Buffer.from("\r\n\r\n");
// The server can't tell whether it is random, and we do not check its answer.
const KEY = btoa("sixteen bytes ok");

export class Socket {
  readonly #connection: Connection;
  readonly #cutter: FrameCutter;
  #closed = false;

  private constructor(
    url: string,
    private readonly listener: SocketListener,
    opened: (fault?: unknown) => void,
  ) {
    this.#cutter = new FrameCutter((first, bytes, start, end) =>
      this.#frame(first, bytes, start, end)
    );
    let shaken = false;
    const { hostname, port, host, pathname, search } = new URL(url);
    const fail = (fault: unknown) => {
      if (this.#closed) return;
      this.close();
      if (shaken) listener.failed(fault);
      else opened(fault);
    };
    this.#connection = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: {
        buffer: PIECE,
        callback: (length) => {
          try {
            if (shaken) this.#read(length, 0);
            else {
              const rest = afterHandshake(length);
              shaken = true;
              opened();
              this.#read(length, rest);
            }
          } catch (fault) {
            fail(fault);
          }
          return true;
        },
      },
    });
    this.#connection.on("error", fail);
    this.#connection.on(
      "close",
      () => fail(new Error("The server closed a socket.")),
    );
    this.#connection.write(
      `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\n` +
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
        `Sec-WebSocket-Key: ${KEY}\r\n\r\n`,
    );
  }

  /** Connects and shakes hands; the address is `ws://host:port/path`. */
  static async open(url: string, listener: SocketListener): Promise<Socket> {
    const opened = Promise.withResolvers<void>();
    const socket = new Socket(
      url,
      listener,
      (fault) => fault === undefined ? opened.resolve() : opened.reject(fault),
    );
    await opened.promise;
    return socket;
  }

  /** Sends a frame. Its bytes may be written anew once the server has answered it. */
  send(frame: Buffer): void {
    this.#connection.write(frame);
  }

  close(): void {
    this.#closed = true;
    this.#connection.destroy();
  }

  #read(length: number, at: number): void {
    if (this.#closed) return;
    this.listener.begin();
    this.#cutter.cut(PIECE, length, at);
  }

  #frame(first: number, bytes: Buffer, start: number, end: number): void {
    if (first === TEXT) this.listener.text(bytes, start, end);
    else if (first === PING) this.send(PONG_FRAME);
    else if (first === CLOSE) {
      const code = end - start >= 2 ? bytes.readUInt16BE(start) : 1005;
      throw new Error(`The server closed a socket with ${code}.`);
    } else throw new Error(`The server sent a frame of type ${first}.`);
  }
}

/** Where the frames begin in the piece that was read. */
function afterHandshake(length: number): number {
  const answer = PIECE.subarray(0, length);
  const end = answer.indexOf(HANDSHAKE_ENDS);
  if (end < 0 || !answer.toString("latin1").startsWith("HTTP/1.1 101 ")) {
    throw new Error(`No handshake: ${answer.toString("latin1")}`);
  }
  return end + HANDSHAKE_ENDS.length;
}
