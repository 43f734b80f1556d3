import { isLoopback } from "../../config/mod.ts";

/** The sender of a request, such as a `Deno.ServeHandlerInfo`. */
export interface Sender {
  readonly remoteAddr?: Deno.Addr;
}

/** Returns the IP address that a request came from; undefined when it came over no network. */
export function addressOf(sender: Sender | undefined): string | undefined {
  const address = sender?.remoteAddr;
  return address !== undefined && "hostname" in address ? address.hostname : undefined;
}

/** Returns true for a request of this machine, also if it came over no network. */
export function isLocal(sender: Sender | undefined): boolean {
  const address = addressOf(sender);
  return address === undefined || isLoopback(address);
}

/**
 * Returns the name under which the failures of an address are counted: an IPv4 address itself, and
 * the /64 network of an IPv6 address, since one machine can use all addresses of its network.
 */
export function sourceOf(address: string | undefined): string {
  if (address === undefined) return "unknown";
  if (!address.includes(":")) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = address.toLowerCase().replace(/%.*$/, "").split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const last = tail === "" ? [] : tail.split(":");
    const zeros = Math.max(0, 8 - groups.length - last.length);
    groups.push(...Array<string>(zeros).fill("0"), ...last);
  }
  const network = groups.slice(0, 4).map((it) => Number.parseInt(it, 16).toString(16));
  return `${network.join(":")}::/64`;
}
