import { messageOf } from "../../src/errors.ts";
import { Child } from "../child.ts";
import { HOME } from "../installation.ts";
import { REDIS_SOCKET } from "./server_addresses.ts";

/** A server of a peer. */
export interface PeerServer extends AsyncDisposable {
  readonly pid: number;
  /** The folder with its socket. */
  readonly folder: string;
}

/**
 * Starts redis-server on an empty folder. It writes each change to its log (AOF), and has it on the
 * disk each second (`everysec`) or before it answers (`always`).
 *
 * @throws If it is not installed, or cannot start.
 */
export async function startRedis(appendfsync: "everysec" | "always"): Promise<PeerServer> {
  const folder = await Deno.makeTempDir({ dir: HOME, prefix: "redis-" });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const child = cleanup.use(spawnInstalled("redis-server", {
    debianPackage: "redis-server",
    args: [
      ...["--port", "0", "--unixsocket", `${folder}/${REDIS_SOCKET}`, "--dir", folder],
      ...["--appendonly", "yes", "--appendfsync", appendfsync, "--save", ""],
    ],
    stopSignal: "SIGTERM",
  }));
  while (!(await child.readLine()).includes("ready to accept connections"));
  const owned = cleanup.move();
  return { pid: child.pid, folder, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() };
}

/** Starts a program that only a package of the system brings. */
export function spawnInstalled(
  program: string,
  { debianPackage, ...options }:
    & { readonly debianPackage: string }
    & Parameters<typeof Child.spawn>[1],
): Child {
  try {
    return Child.spawn(program, options);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(
      `${program} is not installed, and the bench does not install it: ` +
        `apt-get install ${debianPackage} (${messageOf(error)})`,
    );
  }
}
