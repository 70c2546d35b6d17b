// A WebSocket client that costs next to nothing: frames are masked with zeros, answers are looked at, not parsed.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Socket {
  readonly #buffer = new Uint8Array(64 * 1024);

  private constructor(private readonly connection: Deno.Conn) {}

  /** Connects and shakes hands (RFC 6455, section 4); the address is `ws://host:port/path`. */
  static async open(address: string): Promise<Socket> {
    const { hostname, port, host, pathname } = new URL(address);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    connection.setNoDelay(true);
    const socket = new Socket(connection);
    const key = crypto.getRandomValues(new Uint8Array(16)).toBase64();
    await connection.write(encoder.encode(
      `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${key}\r\n\r\n`,
    ));
    const answer = decoder.decode(await socket.read());
    if (!answer.startsWith("HTTP/1.1 101 ")) throw new Error(answer);
    return socket;
  }

  /** Sends a text frame of at most 64 KiB. */
  async send(text: string): Promise<void> {
    const payload = encoder.encode(text);
    const header = payload.length < 126
      ? [0x81, 0x80 | payload.length, 0, 0, 0, 0]
      : [0x81, 0xfe, payload.length >> 8, payload.length & 255, 0, 0, 0, 0];
    const frame = new Uint8Array(header.length + payload.length);
    frame.set(header);
    frame.set(payload, header.length);
    for (let sent = 0; sent < frame.length;) {
      sent += await this.connection.write(frame.subarray(sent));
    }
  }

  /** What has come, whole frames or parts of them; valid until the next call. Throws when the server has closed. */
  async read(): Promise<Uint8Array> {
    const length = await this.connection.read(this.#buffer);
    if (length === null) throw new Error("The server closed the socket.");
    return this.#buffer.subarray(0, length);
  }

  close(): void {
    this.connection.close();
  }
}
