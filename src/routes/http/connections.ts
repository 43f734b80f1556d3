import { runCommand } from "../../process/mod.ts";

/** The state of a client's connection: `closed` if the client has closed its side of it. */
export type ConnectionState = "open" | "closed";

/** The connections of clients to this server, as the system knows them. */
export interface Connections {
  /**
   * Returns the states of connections by their client's end, a key of {@link clientEnd}. What the
   * system no longer knows is missing. Ends that were not asked for may be included.
   *
   * @throws {Error} If the system does not show the connections of this server.
   */
  statesOf(
    ends: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, ConnectionState>>;
}

/** The number of ends up to which `grep` looks for each; above, it prints all connections. */
const MAX_NAMED_ENDS = 500;

/** The states of include/net/tcp_states.h in the kernel that matter here. */
const ESTABLISHED = "01";
const SYN_RECV = "03";
const LISTEN = "0A";

/**
 * Reads /proc/net/tcp through `grep`. Deno opens /proc only to programs with all permissions, but a
 * program that Deno runs may read it.
 *
 * @see https://docs.kernel.org/networking/proc_net_tcp.html
 */
export class ProcConnections implements Connections {
  readonly #port: string;

  /** @param port The port that the server listens on. */
  constructor(port: number) {
    this.#port = hexOf(port, 4);
  }

  async statesOf(
    ends: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, ConnectionState>> {
    const { stdout } = await runCommand(
      ["grep", "-ohsE", this.#pattern(ends), "/proc/net/tcp", "/proc/net/tcp6"],
      { env: { PATH: Deno.env.get("PATH") ?? "", LC_ALL: "C" }, signal },
    );
    return this.#parse(stdout);
  }

  /** Matches the connections with these ends, and the socket that listens. */
  #pattern(ends: readonly string[]): string {
    const ports = new Set(ends.map((it) => it.slice(it.indexOf(":") + 1)));
    const remote = ports.size > MAX_NAMED_ENDS ? "[0-9A-F]{4}" : ["0000", ...ports].join("|");
    return `[0-9A-F]+:${this.#port} [0-9A-F]+:(${remote}) [0-9A-F]{2}`;
  }

  #parse(text: string): Map<string, ConnectionState> {
    const states = new Map<string, ConnectionState>();
    let isListening = false;
    for (const line of text.split("\n")) {
      const [, remote = "", state] = line.split(" ");
      if (state === undefined) continue;
      if (state === LISTEN) {
        isListening = true;
        continue;
      }
      const end = remote.replace(MAPPED, "");
      // A client may use its port for connections to two addresses of this machine.
      if (states.get(end) === "open") continue;
      states.set(end, state === ESTABLISHED || state === SYN_RECV ? "open" : "closed");
    }
    // Without it, this is the table of another network, or no table at all.
    if (!isListening) throw new Error("/proc/net/tcp does not show the port of this server");
    return states;
  }
}

/** An IPv4 address in an IPv6 one, as /proc/net/tcp6 has it. */
const MAPPED = /^0{16}FFFF0000(?=[0-9A-F]{8}:)/;

/**
 * Returns the key of the client's end of a connection: address and port as /proc/net/tcp has them,
 * and an IPv4 address in IPv6 as IPv4. Undefined if the client came over no network.
 */
export function clientEnd(address: Deno.Addr | undefined): string | undefined {
  if (address === undefined || !("hostname" in address)) return undefined;
  const bytes = bytesOf(address.hostname);
  if (bytes === undefined) return undefined;
  const text = bytes.map((byte) => hexOf(byte, 2));
  let end = "";
  // The kernel prints 32 bits at a time as numbers; all machines that Deno runs on are
  // little-endian.
  for (let i = 0; i < text.length; i += 4) end += text.slice(i, i + 4).reverse().join("");
  return `${end}:${hexOf(address.port, 4)}`.replace(MAPPED, "");
}

/** Returns the 4 or 16 bytes of an IP address. */
function bytesOf(hostname: string): number[] | undefined {
  if (!hostname.includes(":")) {
    const bytes = hostname.split(".").map(Number);
    return bytes.length === 4 && bytes.every((it) => it >= 0 && it <= 255) ? bytes : undefined;
  }
  // The parser of URLs writes an IPv4 address at the end as two groups.
  const url = URL.parse(`http://[${hostname.replace(/%.*$/, "")}]/`);
  if (url === null) return undefined;
  const [head = "", tail] = url.hostname.slice(1, -1).split("::");
  const groupsOf = (part: string): string[] => part === "" ? [] : part.split(":");
  const first = groupsOf(head);
  const last = groupsOf(tail ?? "");
  const zeros = Array<string>(8 - first.length - last.length).fill("0");
  return [...first, ...zeros, ...last].flatMap((group) => {
    const number = Number.parseInt(group, 16);
    return [number >> 8, number & 0xff];
  });
}

function hexOf(number: number, digits: number): string {
  return number.toString(16).toUpperCase().padStart(digits, "0");
}
