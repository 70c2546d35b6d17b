// One keep-alive connection that asks by HTTP, one request after the other; answers are cut by their length, not parsed.
import { Buffer } from "node:buffer";
import { connect, type Socket as Connection } from "node:net";

const HEADER_ENDS = "\r\n\r\n";
const LENGTH = /\r\ncontent-length: *(\d+)\r\n/i;
const OK = "HTTP/1.1 200 ";
const PIECE_BYTES = 256 * 1024;

/** Cuts answers, one after the other, out of a stream of bytes, however it was split on its way. */
export class AnswerCutter {
  #head = "";
  #length = 0;
  /** Bytes of the body that are still to come; null while the header is. */
  #lacking: number | null = null;

  /** Takes what was read. Answers how many bytes the body had once it is whole, else null. */
  cut(bytes: Buffer, length: number): number | null {
    let at = 0;
    if (this.#lacking === null) {
      const before = this.#head.length;
      this.#head += bytes.toString("latin1", 0, length);
      const end = this.#head.indexOf(HEADER_ENDS);
      if (end < 0) return null;
      const told = this.#head.match(LENGTH)?.[1];
      if (!this.#head.startsWith(OK) || told === undefined) {
        throw new Error(`No good answer: ${this.#head}`);
      }
      at = end + HEADER_ENDS.length - before;
      this.#length = this.#lacking = Number(told);
    }
    this.#lacking -= length - at;
    if (this.#lacking > 0) return null;
    this.#head = "";
    this.#lacking = null;
    return this.#length;
  }
}

interface Waiting {
  resolve(bytes: number): void;
  reject(fault: unknown): void;
}

export class RestConnection {
  readonly #connection: Connection;
  readonly #piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
  readonly #cutter = new AnswerCutter();
  readonly #host: string;
  #waiting: Waiting | null = null;

  private constructor(url: string, private readonly token: string) {
    const { hostname, port, host } = new URL(url);
    this.#host = host;
    const fail = (fault: unknown) => this.#waiting?.reject(fault);
    this.#connection = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: {
        buffer: this.#piece,
        callback: (length) => {
          try {
            const bytes = this.#cutter.cut(this.#piece, length);
            if (bytes !== null) this.#waiting?.resolve(bytes);
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
      () => fail(new Error("The server closed a connection.")),
    );
  }

  static async open(url: string, token: string): Promise<RestConnection> {
    const opened = Promise.withResolvers<void>();
    const rest = new RestConnection(url, token);
    rest.#connection.once("connect", opened.resolve);
    rest.#connection.once("error", opened.reject);
    await opened.promise;
    return rest;
  }

  /** Asks for a path below /api/v1 and answers how many bytes its body had; throws where it is refused. */
  get(path: string): Promise<number> {
    const { promise, ...waiting } = Promise.withResolvers<number>();
    this.#waiting = waiting;
    this.#connection.write(
      `GET /api/v1${path} HTTP/1.1\r\nHost: ${this.#host}\r\n` +
        `Authorization: Bearer ${this.token}\r\n\r\n`,
    );
    return promise;
  }

  close(): void {
    this.#connection.destroy();
  }
}
