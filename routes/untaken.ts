// Answers that a connection was given and did not take: who asks on without reading would have us keep them all.
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { HttpBindings } from "@hono/node-server";

/** Far more than a client that pipelines has on its way. */
const MOST = 64;

/** How many requests of each connection are not yet answered down to the last byte. */
export class Untaken {
  readonly #counts = new WeakMap<Socket, number>();

  /** Counts a request. False where there are too many: then its connection is cut, and it needs no answer. */
  admits({ incoming, outgoing }: HttpBindings): boolean {
    // HTTP/2, the other one in the type, is not served here.
    const { socket } = incoming as IncomingMessage;
    if (socket.destroyed) return false;
    const count = this.#add(socket, 1);
    outgoing.once("close", () => this.#add(socket, -1));
    if (count <= MOST) return true;
    socket.destroy();
    return false;
  }

  #add(socket: Socket, more: number): number {
    const count = (this.#counts.get(socket) ?? 0) + more;
    this.#counts.set(socket, count);
    return count;
  }
}
