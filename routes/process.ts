// The process around the server: signals that end it, faults that must not, and the lines it prints.
import { failure, type Journal } from "../kv/journal.ts";
import type { Mode } from "../kv/settings.ts";

/**
 * Tells of the first signal that asks for an end, in the moment it comes. Under `--watch` SIGTERM is left alone:
 * whoever listens for it ends, but the watcher waits on for a change. One Ctrl-C arrives there as both, so a
 * second is no sign of impatience.
 */
export function onSignal(mode: Mode, tell: (signal: string) => void): void {
  const signals: readonly Deno.Signal[] = mode === "development"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM"];
  let told = false;
  for (const signal of signals) {
    Deno.addSignalListener(signal, () => {
      if (told) return;
      told = true;
      tell(signal);
    });
  }
}

/** Not by the console, which under `deno serve --parallel` names the isolate before each line. */
export function printLine(line: string) {
  try {
    Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
  } catch {
    // Whoever read it is gone; the server goes on.
  }
}

/** A fault in one connection's handler must not end all the others. */
export function logUncaught(journal: Journal) {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    journal.error("process.unhandled_rejection", failure(event.reason));
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    journal.error("process.uncaught", failure(event.error));
  });
}
