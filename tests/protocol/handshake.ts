// An upgrade request written by hand, to see the whole answer: a client library shows only the status.
import { Buffer } from "node:buffer";

export interface Handshake {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The problem document where it was refused. */
  // deno-lint-ignore no-explicit-any
  readonly problem: any;
}

/** Asks the server at `url` for a socket and gives it up at once. `target` is seen from the socket's path. */
export async function shakeHands(
  url: string,
  target = "",
  headers: Readonly<Record<string, string>> = {},
): Promise<Handshake> {
  const { hostname, port, host, pathname, search } = new URL(
    target,
    `${url}/api/v1/ws`,
  );
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const lines = Object.entries({
    Host: host,
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`);
  const request = [`GET ${pathname}${search} HTTP/1.1`, ...lines, "", ""];
  await connection.write(Buffer.from(request.join("\r\n")));

  let text = "";
  const bytes = new Uint8Array(65_536);
  const isWhole = () => {
    const end = text.indexOf("\r\n\r\n");
    const length = /content-length: (\d+)/i.exec(text)?.[1] ?? "0";
    return end >= 0 && text.length >= end + 4 + Number(length);
  };
  while (!isWhole()) {
    const count = await connection.read(bytes);
    if (count === null) break;
    text += Buffer.from(bytes.subarray(0, count)).toString("latin1");
  }
  const [head = "", body = ""] = text.split("\r\n\r\n");
  const [status = "", ...given] = head.split("\r\n");
  return {
    status: Number(status.split(" ")[1]),
    headers: new Map(given.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    })),
    problem: head.includes("problem+json") ? JSON.parse(body) : undefined,
  };
}
