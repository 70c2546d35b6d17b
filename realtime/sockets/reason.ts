// A close frame's reason: a control frame holds 125 bytes, two of them are the code.

const REASON_BYTES = 123;

/** As much of the reason as fits, whole characters only. */
export function cut(reason: string): string {
  const bytes = new TextEncoder().encode(reason);
  if (bytes.length <= REASON_BYTES) return reason;
  // A character cut in two is left out: `stream` keeps the rest of it waiting.
  return new TextDecoder().decode(bytes.subarray(0, REASON_BYTES), {
    stream: true,
  });
}
