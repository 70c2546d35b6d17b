// One closed-loop sender: says hello, wants no events, and sends its next message when the last one is acknowledged.
import { Socket } from "./socket.ts";

const decoder = new TextDecoder();

export class Sender {
  #sent = 0;
  #running = false;

  private constructor(
    private readonly socket: Socket,
    private readonly room: string,
    private readonly text: string,
    private readonly name: string,
  ) {}

  static async open(
    url: string,
    token: string,
    room: string,
    text: string,
    name: string,
  ): Promise<Sender> {
    const socket = await Socket.open(url);
    for (
      const [type, data] of [
        ["hello", { token }],
        ["room.unsubscribe", { room }],
      ] as const
    ) {
      await socket.send(JSON.stringify({ type, id: "0", data }));
      const reply = decoder.decode(await socket.read());
      if (!reply.includes('"ok":true')) throw new Error(reply);
    }
    return new Sender(socket, room, text, name);
  }

  /** Sends until `stop`; tells how long each acknowledgement took, in milliseconds. */
  async run(acked: (ms: number) => void): Promise<void> {
    this.#running = true;
    while (this.#running) {
      const id = ++this.#sent;
      const sentAt = performance.now();
      await this.socket.send(
        `{"type":"message.send","id":"${id}","data":{"room":"${this.room}",` +
          `"clientId":"${this.name}-${id}","text":"${this.text}"}}`,
      );
      // A reply fits into one piece, and nothing else comes to a socket that has unsubscribed but pings.
      let reply = await this.socket.read();
      while (reply[0] === PING) reply = await this.socket.read();
      if (!isOk(reply)) throw new Error(decoder.decode(reply));
      acked(performance.now() - sentAt);
    }
  }

  /** Ends `run` once what is in flight is acknowledged. */
  stop(): void {
    this.#running = false;
  }

  close(): void {
    this.socket.close();
  }
}

const PING = 0x89;

/** Whether a frame is a reply that says `"ok":true`. */
function isOk(frame: Uint8Array): boolean {
  return decoder.decode(frame.subarray(0, 64)).includes('"ok":true');
}
