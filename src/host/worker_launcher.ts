import type { BridgeServer, WelcomeInit } from "../bridge/mod.ts";
import type { Config, PoolConfig, SizedConfig } from "../config/mod.ts";
import {
  AheadLauncher,
  type Launcher,
  LAUNCHERS,
  libraryThreads,
  profileOf,
  workerEnv,
  type WorkerRegistry,
} from "../pool/mod.ts";
import { WORKER_ENV } from "../process/mod.ts";
import { readVariable } from "../granted.ts";
import { packagePath, workerCommand } from "../python_env/mod.ts";
import { type CuredPython, moduleCure } from "./module_cure.ts";

const DEFAULT_BLOCKED_LOOP_MS = 100;

/** The parts that all launchers of one host share. */
export interface LauncherParts {
  readonly config: Pick<SizedConfig, "limits" | "pools"> & Partial<Pick<SizedConfig, "dev">>;
  readonly runId: string;
  readonly runDirectory: string;
  readonly bridge: BridgeServer;
  readonly registry?: WorkerRegistry;
  readonly pythons: { of(pool: string): CuredPython };
}

/** Creates the launcher of the workers that `pool` describes. */
export function workerLauncher(pool: PoolConfig, parts: LauncherParts): Launcher {
  const { config, runId, runDirectory, bridge, registry, pythons } = parts;
  const python = pythons.of(pool.name);
  const threads = libraryThreads(config.pools, navigator.hardwareConcurrency).get(pool.name) ?? 1;
  const launcher = LAUNCHERS[pool.launcher]({
    pool: pool.name,
    template: {
      preload: pool.preload,
      adapters: [pool.adapter].flat(),
      modulePaths: pool.modulePaths,
      carrier: pool.carrier,
    },
    bridge,
    ...(registry === undefined ? {} : { registry }),
    carrier: pool.carrier,
    command: wrapped(pool.wrap, workerCommand(python), runDirectory),
    env: {
      ...workerEnv({ ...pool, threads, runId, packagePath: packagePath() }),
      ...(config.dev ? { [WORKER_ENV.dev]: "1" } : {}),
      ...(pool.wrap.length > 0 ? { [WORKER_ENV.ownGroup]: "1" } : {}),
      ...threadChecks(pool),
    },
    welcome: welcomeOf(pool, config),
    runDirectory,
    sharedMemory: { bytes: pool.sharedMemoryBytes, minBytes: pool.sharedMemoryMinBytes },
    startTimeoutMs: pool.startTimeoutMs,
    moduleCure: moduleCure(pool, python).ofStarts,
  });
  return pool.isolate === "call" ? new AheadLauncher(launcher, pool) : launcher;
}

/**
 * Returns the variable by which workers learn of `threadChecks`. They also take it as a sign that
 * calls overlap, so other profiles have none. A variable of the host goes before the key.
 */
function threadChecks(
  { profile, threadChecks = "off" }: {
    readonly profile: string;
    readonly threadChecks?: string | undefined;
  },
): Record<string, string> {
  if (profile !== "thread") return {};
  const value = readVariable(WORKER_ENV.threadChecks) || threadChecks;
  return { [WORKER_ENV.threadChecks]: value };
}

type Command = readonly [program: string, ...args: string[]];

/** Puts a wrapper before a command. */
function wrapped(wrap: readonly string[], command: Command, runDirectory: string): Command {
  const [wrapper, ...options] = wrap.map((it) => it.replaceAll("{run}", runDirectory));
  return wrapper === undefined ? command : [wrapper, ...options, ...command];
}

function welcomeOf(pool: PoolConfig, config: Pick<Config, "limits">): WelcomeInit {
  const { memoryBytes = 0, dataBytes = 0, openFiles = 0, cpuSeconds = 0, nice = 0 } = pool.limits;
  return {
    adapters: [pool.adapter].flat(),
    expose: pool.expose ?? [],
    profile: pool.profile,
    capacity: profileOf(pool).capacity,
    blockedLoopMs: pool.profile === "async" ? pool.blockedLoopMs ?? DEFAULT_BLOCKED_LOOP_MS : 0,
    modulePaths: pool.modulePaths,
    logLevel: pool.logLevel,
    maxResultBytes: config.limits.maxResultBytes,
    maxDepth: config.limits.maxDepth,
    maxListItems: config.limits.maxListItems,
    // 0 stands for none.
    limits: { memoryBytes, dataBytes, openFiles, cpuSeconds, nice },
  };
}
