// The installation's SECRET: what is strong enough to be one, and the one that development makes and keeps.
import { dirname } from "node:path";
import { randomId } from "./ids.ts";

const SECRET_BYTES = 32;

/** A secret, or what is wrong with the text as the end of a sentence. */
export type ParsedSecret =
  | { readonly secret: Uint8Array<ArrayBuffer>; readonly fault?: never }
  | { readonly secret?: never; readonly fault: string };

/** Reads base64; refuses what is too short or, by its look, not random. Random bytes pass but for one in billions. */
export function parseSecret(base64: string): ParsedSecret {
  const secret = decode(base64);
  if (secret === null) return { fault: "is not base64" };
  if (secret.length < SECRET_BYTES) {
    return {
      fault: `holds ${secret.length} bytes where ${SECRET_BYTES} are the least`,
    };
  }
  return looksRandom(secret) ? { secret } : { fault: "is not random" };
}

/**
 * The secret kept in the file `path`, made at the first call. Processes that start at once get
 * the same one. Throws where the file holds something else.
 */
export async function keepSecret(
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  return await readSecret(path) ?? await makeSecret(path);
}

async function readSecret(
  path: string,
): Promise<Uint8Array<ArrayBuffer> | null> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const { secret, fault } = parseSecret(text);
  if (secret !== undefined) return secret;
  throw new Error(
    `${path} ${fault}: put back what was in it, or delete it to have a new one made`,
  );
}

async function makeSecret(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  const draft = `${path}.${randomId()}`;
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(draft, `${secret.toBase64()}\n`, {
    createNew: true,
    mode: 0o600,
  });
  try {
    // A link, unlike a rename, fails where somebody was faster, and is never seen half written.
    await Deno.link(draft, path);
    return secret;
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    return await keepSecret(path);
  } finally {
    await Deno.remove(draft);
  }
}

function looksRandom(bytes: Uint8Array): boolean {
  // Steps between neighbours catch 0, 1, 2, … and short patterns that repeat.
  const steps = bytes.subarray(1).map((byte, i) => byte - bytes[i]!);
  const varied = [bytes, steps].every((part) =>
    new Set(part).size > SECRET_BYTES / 2
  );
  return varied && !bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
}

function decode(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.fromBase64(base64);
  } catch {
    return null;
  }
}
