// A WebSocket client that speaks RFC 6455 by hand, so that it can also break it.
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { inTime } from "../in_time.ts";

export const OPCODE = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
} as const;

export interface Frame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

export interface FrameOptions {
  readonly fin?: boolean;
  readonly rsv?: number;
  readonly masked?: boolean;
}

/** A client's frame; masked unless said otherwise. */
export function frame(
  opcode: number,
  payload: string | Uint8Array = "",
  { fin = true, rsv = 0, masked = true }: FrameOptions = {},
): Buffer {
  const bytes = Buffer.from(payload);
  const size = bytes.length;
  const length = Buffer.alloc(size < 126 ? 1 : size <= 0xffff ? 3 : 9);
  if (size < 126) length[0] = size;
  else if (size <= 0xffff) {
    length[0] = 126;
    length.writeUInt16BE(size, 1);
  } else {
    length[0] = 127;
    length.writeBigUInt64BE(BigInt(size), 1);
  }
  const first = Buffer.of((fin ? 0x80 : 0) | rsv << 4 | opcode);
  if (!masked) return Buffer.concat([first, length, bytes]);
  const mask = [0x12, 0x34, 0x56, 0x78];
  length[0]! |= 0x80;
  const hidden = bytes.map((byte, index) => byte ^ mask[index % 4]!);
  return Buffer.concat([first, length, Buffer.from(mask), hidden]);
}

export function closeFrame(code: number, reason = ""): Buffer {
  const body = Buffer.alloc(2 + Buffer.byteLength(reason));
  body.writeUInt16BE(code);
  body.write(reason, 2);
  return frame(OPCODE.close, body);
}

/** What an open connection looks like after the answer to its handshake. */
export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
}

/** Reads only when asked to: between two reads nothing is taken from the network but what the kernel holds. */
export class RawClient {
  #unread = Buffer.alloc(0);
  #ended = false;
  #wake = () => {};

  private constructor(readonly socket: Socket) {
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      this.#unread = Buffer.concat([this.#unread, bytes]);
      socket.pause();
      this.#wake();
    });
    socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
    socket.pause();
  }

  /** Shakes hands; `headers` are added, or with the value null left out. */
  static async open(
    port: number,
    headers: Readonly<Record<string, string | null>> = {},
    method = "GET",
  ): Promise<{ client: RawClient; answer: Answer }> {
    const socket = connect(port, "127.0.0.1");
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    const client = new RawClient(socket);
    const all = {
      Host: "localhost",
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version": "13",
      ...headers,
    };
    const lines = Object.entries(all)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => `${name}: ${value}`);
    client.send(
      Buffer.from([`${method} / HTTP/1.1`, ...lines, "", ""].join("\r\n")),
    );
    return { client, answer: await client.#readAnswer() };
  }

  send(...frames: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  sendText(text: string): void {
    this.send(frame(OPCODE.text, text));
  }

  /** The next frame, or null when the server has ended the connection. */
  async read(): Promise<Frame | null> {
    const head = await this.#take(2);
    if (head === null) return null;
    if (head[1]! & 0x80) throw new Error("the server masked a frame");
    let size = head[1]!;
    if (size === 126) size = (await this.#take(2))!.readUInt16BE();
    else if (size === 127) {
      size = Number((await this.#take(8))!.readBigUInt64BE());
    }
    const payload = (await this.#take(size))!;
    return { fin: (head[0]! & 0x80) !== 0, opcode: head[0]! & 0x7f, payload };
  }

  /** The next frame, which must be a text. */
  async readText(): Promise<string> {
    const next = await this.read();
    if (next?.opcode !== OPCODE.text || !next.fin) {
      throw new Error(`expected a text frame, got ${JSON.stringify(next)}`);
    }
    return next.payload.toString();
  }

  /** Skips to the server's close frame: its code (null if empty) and reason; null if there is none. */
  async readClose(): Promise<{ code: number | null; reason: string } | null> {
    for (
      let next = await this.read();
      next !== null;
      next = await this.read()
    ) {
      if (next.opcode !== OPCODE.close) continue;
      if (next.payload.length === 0) return { code: null, reason: "" };
      return {
        code: next.payload.readUInt16BE(),
        reason: next.payload.subarray(2).toString(),
      };
    }
    return null;
  }

  async end(): Promise<void> {
    this.socket.destroy();
    while (!this.#ended) await this.#more();
  }

  async #readAnswer(): Promise<Answer> {
    let end = -1;
    while ((end = this.#unread.indexOf("\r\n\r\n")) < 0 && !this.#ended) {
      await this.#more();
    }
    const head = this.#unread.subarray(0, Math.max(0, end)).toString();
    this.#unread = this.#unread.subarray(end + 4);
    const [status = "", ...lines] = head.split("\r\n");
    return {
      status: Number(status.split(" ")[1]),
      headers: new Map(lines.map((line) => {
        const colon = line.indexOf(":");
        return [
          line.slice(0, colon).toLowerCase(),
          line.slice(colon + 1).trim(),
        ];
      })),
    };
  }

  async #take(size: number): Promise<Buffer | null> {
    while (this.#unread.length < size && !this.#ended) await this.#more();
    if (this.#unread.length < size) return null;
    const taken = this.#unread.subarray(0, size);
    this.#unread = this.#unread.subarray(size);
    return taken;
  }

  #more(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    const more = new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.socket.resume();
    });
    return inTime(more, () => "bytes from the server");
  }
}
