import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Child } from "../child.ts";
import { HOME } from "../installation.ts";
import type { PeerServer } from "./redis.ts";
import { DATABASE } from "./server_addresses.ts";

/** The folder in which Debian keeps the programs of each version. */
const DEBIAN_FOLDER = "/usr/lib/postgresql";
/** A user without rights, for a bench that root runs: PostgreSQL refuses to be root's. */
const USERS = ["postgres", "nobody"];
/** A folder on the disk for that user, who cannot enter the folder of the bench. */
const USER_FOLDER = "/var/tmp";
const START_TIMEOUT_MS = 30_000;
const POLL_MS = 20;

/**
 * Starts PostgreSQL with its own defaults on an empty folder: each commit waits for the disk.
 *
 * @throws If it is not installed, or cannot start.
 */
export async function startPostgres(): Promise<PeerServer> {
  const programs = await programFolder();
  const owner = userInfo().uid === 0 ? await unprivileged() : {};
  const dir = owner.uid === undefined ? HOME : USER_FOLDER;
  const folder = await Deno.makeTempDir({ dir, prefix: "postgres-" });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  if (owner.uid !== undefined) await Deno.chown(folder, owner.uid, owner.gid ?? owner.uid);
  const data = join(folder, "data");
  const { success, stderr } = await new Deno.Command(join(programs, "initdb"), {
    args: ["--pgdata", data, "--username", DATABASE.user, "--auth", "trust", "--encoding", "UTF8"],
    cwd: folder,
    ...owner,
  }).output();
  if (!success) throw new Error(`initdb has failed: ${new TextDecoder().decode(stderr).trim()}`);
  const child = cleanup.use(Child.spawn(join(programs, "postgres"), {
    args: ["-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "max_connections=60"],
    cwd: folder,
    ...owner,
    // A fast shutdown, which does not wait for clients.
    stopSignal: "SIGINT",
  }));
  await ready(join(data, "postmaster.pid"));
  const owned = cleanup.move();
  return { pid: child.pid, folder, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() };
}

/** Returns the folder with the programs of the latest version. */
async function programFolder(): Promise<string> {
  const versions: number[] = [];
  try {
    for await (const { name } of Deno.readDir(DEBIAN_FOLDER)) versions.push(Number(name));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const latest = Math.max(...versions.filter(Number.isFinite));
  if (Number.isFinite(latest)) return join(DEBIAN_FOLDER, String(latest), "bin");
  throw new Error(
    `PostgreSQL is not installed in ${DEBIAN_FOLDER}, and the bench does not install it: ` +
      "apt-get install postgresql",
  );
}

async function unprivileged(): Promise<{ readonly uid?: number; readonly gid?: number }> {
  const lines = (await Deno.readTextFile("/etc/passwd")).split("\n").map((it) => it.split(":"));
  for (const user of USERS) {
    const [, , uid, gid] = lines.find(([name]) => name === user) ?? [];
    if (uid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(`PostgreSQL refuses root, and there is no user ${USERS.join(" or ")}`);
}

/** Waits until the server says in its file that it takes connections. */
async function ready(file: string): Promise<void> {
  for (const until = performance.now() + START_TIMEOUT_MS; performance.now() < until;) {
    const text = await Deno.readTextFile(file).catch(() => "");
    if (/^ready\s*$/m.test(text)) return;
    await delay(POLL_MS);
  }
  throw new Error(`PostgreSQL was not ready within ${START_TIMEOUT_MS} ms`);
}
