import type { SnakedenOptions } from "../../../mod.ts";
import { ADAPTERS } from "../../fixtures/host.ts";
import type { Random } from "../random.ts";

/** A pool, as a configuration names it. */
export type PoolInput = NonNullable<SnakedenOptions["pools"]>[number];

/** The numbers of workers of a pool, as a resize names them. */
export interface Sizes {
  readonly min: number;
  readonly max: number;
  readonly spare: number;
}

/** A pool of a run, with what was drawn for it. */
export interface DrawnPool {
  readonly name: PoolName;
  readonly input: PoolInput;
  readonly sizes: Sizes;
}

/**
 * The pools of every run. The profile of the first two is `process` for one and `thread` for the
 * other, that of the third `async`; the fourth runs each call in a process of its own.
 */
export const POOL_NAMES = ["default", "inner", "async", "fresh"] as const;

/** The name of a pool. */
export type PoolName = (typeof POOL_NAMES)[number];

/** The heartbeat that bounds how long a frozen worker goes unnoticed: 3 pings of 200 ms. */
const HEARTBEAT = { pingIntervalMs: 200, pingTimeoutMs: 400, maxMissed: 3 };

const COMMON: Omit<PoolInput, "name"> = {
  modulePaths: [ADAPTERS],
  heartbeat: HEARTBEAT,
  recycle: { maxCalls: 5_000 },
  limits: { memoryBytes: 400 << 20 },
  cancelGraceMs: 300,
  queueLimit: 200,
  taintAfter: 0,
  poisonMs: 0,
};

const CHAOTIC = [
  "chaotic:Chaotic",
  "chaotic_asks:ChaoticAsks",
  "chaotic_jobs:ChaoticJobs",
  "chaotic_files:ChaoticFiles",
];

/** The most workers of each pool; those with threads have half of them. */
const MAX_WORKERS: Readonly<Record<PoolName, number>> = {
  default: 4,
  inner: 2,
  async: 2,
  fresh: 2,
};

/**
 * Draws the pools of a run: every run has each profile, both launchers, both carriers, and pools
 * whose size is fixed or follows the work.
 */
export function drawPools(random: Random): readonly DrawnPool[] {
  const isEven = (): boolean => random.below(2) === 0;
  const profiles = isEven() ? ["process", "thread"] as const : ["thread", "process"] as const;
  const launchers = isEven() ? ["spawn", "prefork"] as const : ["prefork", "spawn"] as const;
  const carriers = isEven() ? ["socket", "grpc"] as const : ["grpc", "socket"] as const;
  const ofProfile = {
    process: {},
    thread: { threadsPerWorker: 2 + random.below(4) },
    async: { concurrencyPerWorker: 20 },
  };
  const workers: Readonly<Record<PoolName, Omit<PoolInput, "name">>> = {
    default: { profile: profiles[0], launcher: launchers[0], carrier: carriers[0] },
    inner: { profile: profiles[1], launcher: launchers[1], carrier: carriers[1] },
    async: {
      profile: "async",
      launcher: launchers[random.below(2)],
      carrier: carriers[random.below(2)],
      adapter: "chaotic_async:ChaoticAsync",
    },
    fresh: {
      profile: "process",
      launcher: "prefork",
      isolate: "call",
      carrier: carriers[random.below(2)],
    },
  };
  return POOL_NAMES.map((name) => {
    const own = workers[name];
    const { profile = "process" } = own;
    const max = profile === "thread" ? Math.ceil(MAX_WORKERS[name] / 2) : MAX_WORKERS[name];
    const min = isEven() ? max : random.below(max);
    const sizes = { min, max, spare: min === max ? 0 : random.below(2) };
    const input: PoolInput = {
      name,
      adapter: CHAOTIC,
      ...COMMON,
      ...own,
      ...ofProfile[profile],
      ...(own.launcher === "prefork" ? { preload: ["decimal"] } : {}),
      ...sizes,
      idleTtlMs: 100 + random.below(2_000),
    };
    return { name, input, sizes };
  });
}

/** Describes pools in one line each. */
export function described(pools: readonly DrawnPool[]): string {
  return pools.map(({ name, input, sizes }) => {
    const { profile, launcher, carrier, isolate = "none" } = input;
    return `${name}: ${profile} ${launcher} ${carrier} isolate ${isolate} ${JSON.stringify(sizes)}`;
  }).join("\n");
}

/** Returns the number of workers that a pool has when nothing is to do. */
export function atRest({ min, max, spare }: Sizes): number {
  return Math.max(min, Math.min(max, spare));
}
