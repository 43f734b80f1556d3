import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { PoolConfig } from "../../src/config/mod.ts";
import type { MemoryInfo } from "../../src/hardware/mod.ts";
import { runDirectoryRoot } from "../../src/host/mod.ts";
import type { Finding } from "./finding.ts";

const MIB = 2 ** 20;
/** The types of file systems that Linux keeps in memory: tmpfs and ramfs. */
const IN_MEMORY: readonly number[] = [0x0102_1994, 0x8584_58f6];

/** A pool whose workers share memory with the host. */
type SharingPool = Pick<PoolConfig, "carrier" | "sharedMemoryBytes"> & { readonly size: number };

/**
 * Checks where the files are that the host shares with its workers. On a disk, the system writes
 * their pages back when memory runs short; in a tmpfs, they stay in memory and count against the
 * limit of a container.
 */
export async function sharedMemoryFinding(
  dataDir: string,
  pools: readonly SharingPool[],
  { memory, typeOf = fileSystemType }: {
    readonly memory: MemoryInfo;
    readonly typeOf?: (path: string) => Promise<number>;
  },
): Promise<Finding> {
  const name = "shared memory";
  const root = runDirectoryRoot(dataDir);
  const parent = root.startsWith(dataDir) ? dirname(root) : root;
  if (!IN_MEMORY.includes(await typeOf(parent))) {
    return { name, state: "ok", text: `files in ${root}, on a disk` };
  }
  const most = pools.filter(({ carrier }) => carrier === "socket")
    .reduce((sum, { sharedMemoryBytes, size }) => sum + 2 * size * sharedMemoryBytes, 0);
  const limit = memory.limitBytes ?? memory.totalBytes;
  const of = limit === null ? "" : ` of ${Math.round(limit / MIB)} MiB`;
  const text = `files in ${root}, which are kept in memory: up to ${
    Math.round(most / MIB)
  } MiB${of}`;
  if (limit === null || most <= limit / 2) return { name, state: "ok", text };
  return {
    name,
    state: "warning",
    text,
    mend: "lower `sharedMemoryBytes` of the pools, or choose a dataDir on a disk",
  };
}

async function fileSystemType(path: string): Promise<number> {
  return (await statfs(path)).type;
}
