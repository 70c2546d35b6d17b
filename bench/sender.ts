// One closed-loop sender: says hello, wants no events, and sends its next message when the last one is acknowledged.
import type { Buffer } from "node:buffer";
// @ts-types="@types/ws"
import { WebSocket } from "ws";

export class Sender {
  readonly #socket: WebSocket;
  /** When the message in flight was sent. */
  #sentAt = 0;
  #sent = 0;
  #running = false;
  #acked: (ms: number) => void = () => {};

  private constructor(
    socket: WebSocket,
    private readonly room: string,
    private readonly text: string,
    private readonly name: string,
  ) {
    this.#socket = socket;
  }

  static async open(
    url: string,
    token: string,
    room: string,
    text: string,
    name: string,
  ): Promise<Sender> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await new Promise((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    const ask = (type: string, data: unknown) => {
      const reply = new Promise<string>((resolve) =>
        socket.once("message", (frame: Buffer) => resolve(frame.toString()))
      );
      socket.send(JSON.stringify({ type, id: "0", data }));
      return reply;
    };
    const replies = [
      await ask("hello", { token }),
      await ask("room.unsubscribe", { room }),
    ];
    for (const reply of replies) {
      if (!reply.includes('"ok":true')) throw new Error(reply);
    }
    const sender = new Sender(socket, room, text, name);
    socket.on("message", (frame: Buffer) => sender.#take(frame));
    return sender;
  }

  /** Sends until `stop`; tells how long each acknowledgement took. */
  start(acked: (ms: number) => void): void {
    this.#acked = acked;
    this.#running = true;
    this.#send();
  }

  stop(): void {
    this.#running = false;
  }

  close(): void {
    this.#socket.terminate();
  }

  #send(): void {
    const clientId = `${this.name}-${++this.#sent}`;
    this.#sentAt = performance.now();
    this.#socket.send(
      `{"type":"message.send","id":"${this.#sent}","data":{"room":"${this.room}",` +
        `"clientId":"${clientId}","text":"${this.text}"}}`,
    );
  }

  // Nothing but replies comes to a socket that has unsubscribed, and they start alike.
  #take(frame: Buffer): void {
    if (!frame.includes('"ok":true')) throw new Error(frame.toString());
    this.#acked(performance.now() - this.#sentAt);
    if (this.#running) this.#send();
  }
}
