// What the text of a setting may look like.
import { isIP } from "node:net";
import * as z from "zod";

/** A whole number within bounds, written in digits. */
export function whole(min: number, max: number) {
  const must = `must be a whole number from ${min} to ${max}`;
  return z.string().regex(/^\d{1,9}$/, must).transform(Number).refine(
    (number) => number >= min && number <= max,
    must,
  );
}

/** An IP address, or a block of them like `10.0.0.0/8`. */
export function isAddressBlock(text: string): boolean {
  const [address = "", prefix, ...more] = text.split("/");
  const bits = { 4: 32, 6: 128 }[isIP(address)];
  if (bits === undefined || address.includes("%")) return false;
  return prefix === undefined ||
    more.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits;
}

/** An http(s) URL. */
export function isUrl(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text);
}

/** Such a URL as names somebody: without query, fragment or password. */
export function isPlainUrl(text: string): boolean {
  const url = isUrl(text) ? URL.parse(text) : null;
  return url !== null && !/[?#\s]/.test(text) &&
    url.username + url.password === "";
}

/**
 * A URL whose answer nobody changes on the way: https, or http within this machine or, by a name
 * without dots, within a private network of containers.
 */
export function isSafeUrl(text: string): boolean {
  const url = isUrl(text) ? URL.parse(text) : null;
  if (
    url === null || url.username + url.password !== "" || /[#\s]/.test(text)
  ) return false;
  return url.protocol === "https:" ||
    /^(127\.\d+\.\d+\.\d+|\[::1\]|[a-z0-9_-]+)$/.test(url.hostname);
}

/** What `KV` may be. */
export function isStorePlace(text: string): boolean {
  return text === ":memory:" || isUrl(text) ||
    /^data\/[^/]/.test(text) && !text.split("/").includes("..");
}

/** The origin that a text names, with or without a slash at its end. */
export function toOrigin(text: string, context: z.core.$RefinementCtx): string {
  const url = URL.parse(text.trim());
  const fits = url !== null && /^https?:$/.test(url.protocol) &&
    `${url.origin}/` === url.href;
  if (fits) return url.origin;
  context.addIssue("must name origins only, such as https://chat.example.com");
  return z.NEVER;
}
