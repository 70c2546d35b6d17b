// A request's JSON body, read within its bounds before anything is made of it.
import type { MiddlewareHandler } from "hono";
import { Refused } from "../kv/errors.ts";
import { nestsDeeperThan } from "../kv/input.ts";
import { LIMITS } from "../kv/limits.ts";
import type { Env } from "./context.ts";

/**
 * Replaces the body by one that was read: at most `LIMITS.bodyBytes` of UTF-8, nesting at most
 * `LIMITS.jsonDepth` deep; no body counts as `{}`.
 *
 * Throws `too_large`, `unsupported_media_type`, `malformed_json`.
 */
export const boundedBody: MiddlewareHandler<Env> = async (c, next) => {
  const text = await readText(c.req.raw);
  if (text !== "" && !isJson(c.req.header("content-type"))) {
    throw new Refused(
      "unsupported_media_type",
      "The body must be application/json.",
    );
  }
  if (nestsDeeperThan(LIMITS.jsonDepth, text)) {
    throw new Refused(
      "malformed_json",
      `The body nests deeper than ${LIMITS.jsonDepth}.`,
    );
  }
  c.req.raw = new Request(c.req.url, {
    method: c.req.method,
    headers: c.req.raw.headers,
    body: text === "" ? "{}" : text,
  });
  await next();
};

function isJson(contentType = ""): boolean {
  return /^application\/json\s*(;|$)/i.test(contentType);
}

async function readText(request: Request): Promise<string> {
  // The announced length is believed only where it refuses: a chunked body announces none.
  if (Number(request.headers.get("content-length")) > LIMITS.bodyBytes) {
    throw tooLarge();
  }
  if (request.body === null) return "";
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let bytes = 0;
  let text = "";
  try {
    // Leaving the loop by an error cancels the body, so that nobody goes on sending it.
    for await (const chunk of request.body) {
      bytes += chunk.byteLength;
      if (bytes > LIMITS.bodyBytes) throw tooLarge();
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (thrown) {
    if (thrown instanceof Refused) throw thrown;
    throw new Refused("malformed_json", "The body broke off or is not UTF-8.");
  }
}

function tooLarge(): Refused {
  return new Refused(
    "too_large",
    `The body may have at most ${LIMITS.bodyBytes} bytes.`,
  );
}
