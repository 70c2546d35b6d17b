// Further isolates of this process: workers that run the same program and listen on the same port.
import { failure, type Journal } from "../kv/journal.ts";

/** What a further isolate is told, and what it answers. */
type Told = { readonly port: number } | "stop";
type Answered = "listening" | "stopped" | { readonly failed: string };

/** The worker's side of the channel; the library for workers can't be loaded beside the one for main threads. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<Told>) => void) | null;
  postMessage(answer: Answered): void;
  close(): void;
}

/** Whether this program was started by {@link startIsolates}. */
export function isFurtherIsolate(): boolean {
  return "WorkerGlobalScope" in globalThis;
}

/** How long after its end an isolate is started again. */
const AGAIN_MS = 1_000;

export class Isolates {
  readonly #workers = new Set<Worker>();
  #stopping = false;

  private constructor(
    private readonly program: string,
    private readonly port: number,
    private readonly journal: Pick<Journal, "error">,
    private readonly againMs: number,
  ) {}

  /**
   * Resolves once all of them take connections.
   * @param program the module that each of them runs
   * @throws Error where one of them does not start
   */
  static async start(
    count: number,
    program: string,
    port: number,
    journal: Pick<Journal, "error">,
    againMs = AGAIN_MS,
  ): Promise<Isolates> {
    const isolates = new Isolates(program, port, journal, againMs);
    await Promise.all(
      Array.from({ length: count }, (_, i) => isolates.#start(i + 2)),
    );
    return isolates;
  }

  /** Ends all of them as a signal ends the first one. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#workers].map((worker) => {
      // One that a fault ends meanwhile has ended, too.
      const stopped = answer(worker, "stopped").catch(() => {});
      worker.postMessage("stop" satisfies Told);
      return stopped;
    }));
  }

  async #start(number: number): Promise<void> {
    const worker = new Worker(this.program, {
      type: "module",
      name: `isolate ${number}`,
    });
    this.#workers.add(worker);
    const listening = answer(worker, "listening");
    worker.postMessage({ port: this.port } satisfies Told);
    await listening.catch((thrown) => {
      this.#workers.delete(worker);
      throw thrown;
    });
    // Its sockets are gone; the others go on, and a new one takes its place.
    worker.addEventListener("error", ({ message: error }) => {
      this.#workers.delete(worker);
      if (this.#stopping) return;
      this.journal.error("isolate.ended", { number, error });
      setTimeout(() => this.#restart(number), this.againMs);
    });
  }

  #restart(number: number): void {
    if (this.#stopping) return;
    this.#start(number).catch((thrown) => {
      this.journal.error("isolate.start", failure(thrown));
      setTimeout(() => this.#restart(number), this.againMs);
    });
  }
}

function answer(
  worker: Worker,
  awaited: "listening" | "stopped",
): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.addEventListener(
      "message",
      ({ data }: MessageEvent<Answered>) => {
        if (data === awaited) resolve();
        else if (typeof data === "object") reject(new Error(data.failed));
      },
    );
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    });
  });
}

/** A further isolate's whole life: told the port it listens, told to stop it stops. */
export async function runFurtherIsolate(
  start: (port: number) => Promise<{ stop(): Promise<void> }>,
): Promise<void> {
  const scope = globalThis as unknown as WorkerScope;
  const port = Promise.withResolvers<number>();
  const stop = Promise.withResolvers<void>();
  scope.onmessage = ({ data }) => {
    if (data === "stop") stop.resolve();
    else port.resolve(data.port);
  };
  const running = await start(await port.promise).catch((thrown) => {
    // Told, not thrown: what nobody catches is logged here and ends nothing.
    scope.postMessage({ failed: failure(thrown).error });
    scope.close();
  });
  if (!running) return;
  scope.postMessage("listening");
  void stop.promise.then(async () => {
    await running.stop();
    scope.postMessage("stopped");
    scope.close();
  });
}
