// A socket port that writes nothing down but what it was told, and a turn that ends when the test says so.
import type { Turn } from "../../realtime/session/turn.ts";
import type { Packet, SocketPort } from "../../realtime/sockets/port.ts";

export class FakePort implements SocketPort {
  buffered = 0;
  /** One entry per write: the texts of its packets. */
  readonly writes: string[][] = [];
  readonly packets: Packet[] = [];
  readonly calls: string[] = [];

  write(packets: readonly Packet[]): void {
    this.packets.push(...packets);
    this.writes.push(packets.flatMap((packet) => packet.texts));
  }
  whenDrained(): Promise<void> {
    return Promise.resolve();
  }
  ping(): void {
    this.calls.push("ping");
  }
  close(code: number): void {
    this.calls.push(`close ${code}`);
  }
  terminate(): void {
    this.calls.push("terminate");
  }
  pause(): void {
    this.calls.push("pause");
  }
  resume(): void {
    this.calls.push("resume");
  }
}

export class FakeTurn implements Turn {
  #tasks: (() => void)[] = [];

  atEnd(task: () => void): void {
    this.#tasks.push(task);
  }

  /** @returns how many tasks it had */
  end(): number {
    const tasks = this.#tasks.splice(0);
    for (const task of tasks) task();
    return tasks.length;
  }
}
