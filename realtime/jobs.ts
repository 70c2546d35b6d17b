// The loop that does the work that waits: looks for due jobs, and rests where there are none.
import type { Core } from "../kv/core.ts";
import type { JobHandlers } from "../kv/jobs/port.ts";
import { runDueJobs } from "../kv/jobs/run.ts";
import { clearRoom, leaveAllRooms } from "../kv/rooms/deletion.ts";

const REST_MS = 1_000;

/** Works until the signal; then finishes what it has begun. A failing store is reported and tried again. */
export async function workOffJobs(
  core: Core,
  report: (thrown: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const handlers = jobHandlers(core);
  while (!signal.aborted) {
    let ran = 0;
    try {
      ran = await runDueJobs(core, handlers);
    } catch (thrown) {
      report(thrown);
    }
    if (ran === 0) await core.clock.sleep(REST_MS, signal).catch(() => {});
  }
}

function jobHandlers(core: Core): JobHandlers {
  return {
    "room.deleted": ({ data }) => clearRoom(core, named(data, "room")),
    "user.deleted": ({ data }) => leaveAllRooms(core, named(data, "user")),
  };
}

function named(data: unknown, name: string): string {
  const value = data !== null && typeof data === "object"
    ? Reflect.get(data, name)
    : undefined;
  if (typeof value === "string") return value;
  throw new Error(`a job without ${name}`);
}
