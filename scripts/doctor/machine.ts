import { join } from "node:path";
import { isLoopback } from "../../src/config/mod.ts";
import { messageOf } from "../../src/errors.ts";
import { openDataDirectory } from "../../src/host/mod.ts";
import { isDenoFirst, NEEDS_INIT } from "../../src/process/mod.ts";
import { ROOT } from "../dev_python.ts";
import type { Finding } from "./finding.ts";

/** The longest path that a socket may have, as in src/host/run_directory.ts. */
const MAX_SOCKET_PATH_BYTES = 103;
/**
 * The descriptors of one worker in the host: three pipes and the link. The rest is for clients and
 * files.
 */
const FILES_PER_WORKER = 6;
const FILES_BESIDES = 256;

/** Checks that this is the Deno that everything is tested with. */
export async function denoFinding(): Promise<Finding> {
  const wanted = (await Deno.readTextFile(join(ROOT, ".dvmrc"))).trim();
  const have = Deno.version.deno;
  const name = "Deno";
  if (have === wanted) return { name, state: "ok", text: have };
  const [major, minor] = have.split(".").map(Number);
  const [wantedMajor, wantedMinor] = wanted.split(".").map(Number);
  const older = (major ?? 0) * 1000 + (minor ?? 0) < (wantedMajor ?? 0) * 1000 + (wantedMinor ?? 0);
  return {
    name,
    state: older ? "error" : "warning",
    text: `${have}; tested with ${wanted}`,
    mend: `deno upgrade ${wanted}, or npx deno@${wanted} task ...`,
  };
}

/** Checks that this user, and nobody else, can write the data directory. */
export async function dataDirFinding(dataDir: string): Promise<Finding> {
  const name = "data directory";
  try {
    const risk = await openDataDirectory(dataDir);
    if (risk === undefined) return { name, state: "ok", text: dataDir };
    return { name, state: "warning", text: risk, mend: "see docs/security.md" };
  } catch (error) {
    return {
      name,
      state: "error",
      text: messageOf(error),
      mend: "make it writable, or set SNAKEDEN_DATA_DIR to another directory",
    };
  }
}

/** Checks that the path of the socket in the data directory is short enough. */
export function socketPathFinding(dataDir: string): Finding {
  const path = join(dataDir, "run", "0".repeat(32), "link.sock");
  const bytes = new TextEncoder().encode(path).byteLength;
  const name = "socket path";
  if (bytes <= MAX_SOCKET_PATH_BYTES) {
    return { name, state: "ok", text: `${bytes} of at most ${MAX_SOCKET_PATH_BYTES} bytes` };
  }
  return {
    name,
    state: "warning",
    text: `${bytes} bytes, over ${MAX_SOCKET_PATH_BYTES}: the socket will be in /tmp instead`,
    mend: "a data directory with a shorter path keeps everything in one place",
  };
}

/** Checks that the port is free. */
export function portFinding(host: string, port: number): Finding {
  const name = "port";
  const hostname = host.replace(/^\[(.*)\]$/, "$1");
  try {
    Deno.listen({ hostname, port }).close();
    const reach = isLoopback(host) ? "this machine only" : "other machines too";
    return { name, state: "ok", text: `${host}:${port} is free; reached from ${reach}` };
  } catch (error) {
    return {
      name,
      state: "error",
      text: `cannot listen on ${host}:${port}: ${messageOf(error)}`,
      mend: "stop what listens there, or set SNAKEDEN_PORT (0 takes any free one)",
    };
  }
}

/** Checks that the host may open enough files for its workers. */
export async function fileLimitFinding(workers: number): Promise<Finding> {
  const name = "open files";
  const text = (await outputOf("sh", ["-c", "ulimit -n"])).trim();
  const limit = text === "unlimited" ? Infinity : Number(text);
  const wanted = FILES_BESIDES + workers * FILES_PER_WORKER;
  if (limit >= wanted) return { name, state: "ok", text: `at most ${text}` };
  return {
    name,
    state: "warning",
    text: `at most ${text}; ${workers} workers and their clients may want ${wanted}`,
    mend: `ulimit -n ${Math.max(4096, wanted)}`,
  };
}

/** Checks that process 1 reaps orphans. */
export async function initFinding(): Promise<Finding> {
  const name = "process 1";
  if (!await isDenoFirst()) return { name, state: "ok", text: "reaps orphans" };
  return { name, state: "warning", text: NEEDS_INIT, mend: "see docs/reliability.md" };
}

/** Finds workers whose host is gone; there should never be one. */
export async function leftoverFinding(): Promise<Finding> {
  const name = "leftover workers";
  const left = leftoverPids(await outputOf("ps", ["-A", "-o", "pid=,ppid=,args="]));
  if (left.length === 0) return { name, state: "ok", text: "none" };
  return {
    name,
    state: "warning",
    text: `${left.length} without a host: ${left.join(", ")}`,
    mend: `kill -9 ${left.join(" ")}`,
  };
}

/**
 * Returns the ids of the worker processes whose host is gone: their parent is process 1. The
 * listing has the columns `pid ppid args` of ps.
 */
export function leftoverPids(listing: string): number[] {
  const processes = listing.split("\n").flatMap((line) => {
    const [, pid, parent, args = ""] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), args }];
  });
  // In a container the host itself may be process 1.
  const hostIsFirst = processes.some(({ pid, args }) => pid === 1 && /\bdeno\b/.test(args));
  return processes
    .filter(({ parent, args }) =>
      parent === 1 && !hostIsFirst && /\/snakeden\/worker\.py\b/.test(args)
    )
    .map(({ pid }) => pid);
}

/** Returns what a program prints; its status does not matter. */
export async function outputOf(program: string, args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args, stdin: "null" }).output();
  return new TextDecoder().decode(stdout);
}
