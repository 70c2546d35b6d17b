// What rule of RFC 6455 a peer of a native socket broke: the runtime tells it in words only, and closes without a code.

const BREACHES: ReadonlyMap<string, number> = new Map([
  ["Invalid UTF-8", 1007],
  ["Frame too large", 1009],
  ["Reserved bits are not zero", 1002],
  ["Invalid value", 1002],
  ["Invalid fragment", 1002],
  ["Invalid continuation frame", 1002],
  ["Control frame must not be fragmented", 1002],
  ["Ping frame too large", 1002],
  ["Invalid close frame", 1002],
  ["Invalid close code", 1002],
]);

/** What a native socket's `error` event tells, as the close code it stands for; null where the connection broke. */
export function breachOf(
  event: Event,
): { readonly code: number; readonly reason: string } | null {
  const reason = event instanceof ErrorEvent ? event.message : "";
  const code = BREACHES.get(reason);
  return code === undefined ? null : { code, reason };
}
