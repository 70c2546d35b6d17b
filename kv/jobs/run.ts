// One pass over the jobs that are due; whoever has a loop calls it again and again.
import type { Clock } from "../clock.ts";
import type { Store } from "../store.ts";
import type { JobHandlers } from "./port.ts";
import { JOB_TIMING, JobRows, type JobTiming } from "./rows.ts";

/**
 * Claims and runs the due jobs one after the other and answers how many it ran, failed ones included:
 * 0 means that there is nothing to do now. A failing handler never rejects this; a failing store does.
 */
export async function runDueJobs(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  handlers: JobHandlers,
  timing: JobTiming = JOB_TIMING,
): Promise<number> {
  const rows = new JobRows(store, clock, timing);
  let ran = 0;
  for (const found of await rows.due()) {
    const claim = await rows.claim(found);
    if (!claim) continue;
    ran++;
    try {
      const handler = handlers[claim.job.kind];
      if (!handler) throw new Error(`no handler for ${claim.job.kind}`);
      await handler(claim.job);
    } catch (error) {
      await rows.fail(claim, error);
      continue;
    }
    await rows.complete(claim);
  }
  return ran;
}
