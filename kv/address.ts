// One peer's address as one key for limits.

/**
 * The key of an address: IPv4 as it is, also where it is written inside IPv6; of IPv6 the /64,
 * since whoever has one address there has 2^64 of them. What is no address is its own key.
 */
export function addressKey(address: string): string {
  const inside = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (inside) return inside[1]!;
  if (!address.includes(":")) return address;
  const [before = "", after] = address.split("%", 1)[0]!.split("::");
  const head = groupsOf(before);
  const tail = groupsOf(after ?? "");
  const between = Math.max(0, 8 - head.length - tail.length);
  return [...head, ...Array<string>(between).fill("0"), ...tail]
    .slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "").toLowerCase())
    .join(":");
}

function groupsOf(part: string): string[] {
  return part.split(":").filter((group) => group !== "");
}
