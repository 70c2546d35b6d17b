// Whose request it is where it came through proxies: the one place that reads `X-Forwarded-For`.
import { BlockList, isIP } from "node:net";

/** The address of whoever asks, from the connection's peer and the header as it came. */
export type AddressOf = (
  peer: string | undefined,
  forwardedFor: string | undefined,
) => string;

/** The peer's own address: what the header says anybody could have written. */
export const peerAddress: AddressOf = (peer) => peer ?? "unknown";

/**
 * Believes the header as far as trusted proxies wrote it. Each adds the address it was asked from at the right end, so
 * the chain is read from there, from the peer on, up to the first address that is none of theirs. What is no address
 * ends it, too: then it is the proxy's that passed it on.
 *
 * @param trusted addresses and CIDR blocks, as the settings have checked them
 * @param unasked is called for each header that comes while no proxy is trusted
 */
export function believing(
  trusted: readonly string[],
  unasked: () => void = () => {},
): AddressOf {
  if (trusted.length === 0) {
    return (peer, forwardedFor) => {
      if (forwardedFor !== undefined) unasked();
      return peerAddress(peer, forwardedFor);
    };
  }
  const proxies = toBlockList(trusted);
  return (peer, forwardedFor) => {
    const chain = forwardedFor?.split(",") ?? [];
    let address = peer === undefined ? null : toAddress(peer);
    while (address !== null && chain.length > 0) {
      if (!proxies.check(address, familyOf(address))) break;
      const before = toAddress(chain.pop()!);
      if (before === null) break;
      address = before;
    }
    return address ?? peerAddress(peer, forwardedFor);
  };
}

function toBlockList(trusted: readonly string[]): BlockList {
  const list = new BlockList();
  for (const block of trusted) {
    const [address = "", prefix] = block.split("/");
    if (prefix === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(prefix), familyOf(address));
  }
  return list;
}

/** Some proxies add the port they were asked from: `192.0.2.1:4711`, `[2001:db8::1]:4711`. Null for what is no address. */
function toAddress(text: string): string | null {
  const [, bracketed, plain] =
    /^\s*(?:\[([^\]]*)\](?::\d{1,5})?|([^\s[\]]+))\s*$/.exec(text) ?? [];
  const written = bracketed ?? plain?.replace(/^([\d.]+):\d{1,5}$/, "$1") ?? "";
  const address = written.split("%", 1)[0]!;
  return isIP(address) === 0 ? null : address;
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 4 ? "ipv4" : "ipv6";
}
