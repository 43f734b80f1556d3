import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { settlesWithin } from "../async/mod.ts";
import { BridgeServer } from "../bridge/mod.ts";
import {
  CallFiles,
  CallFolders,
  Calls,
  fileMethods,
  HostCalls,
  HostFiles,
  PoliciesByPool,
  StrictSessions,
  warnOfUnknownTools,
} from "../calls/mod.ts";
import {
  type Config,
  isDemo,
  markLike,
  type NamedLogging,
  rereadConfig,
  type SizedConfig,
} from "../config/mod.ts";
import { freeDeviceBytes, Hardware, logPlacements, placeConfig } from "../hardware/mod.ts";
import { SnakedenError } from "../errors.ts";
import { Files } from "../files/mod.ts";
import { type Jobs, JobTokens, type Queues } from "../jobs/mod.ts";
import { getLogger } from "../log.ts";
import { Maps, type MapsDeps } from "../map/mod.ts";
import {
  type AddPoolOptions,
  DeviceDemand,
  DeviceHealth,
  Health,
  type HostMethod,
  HostMethods,
  type PoolGroup,
  Pools,
  WorkerList,
} from "../pool/mod.ts";
import { StartTimes, systemProcessTable } from "../process/mod.ts";
import { openReload } from "../reload/mod.ts";
import { sessionMethods, Sessions } from "../sessions/mod.ts";
import {
  HostRuns,
  HostTools,
  registrationMethods,
  toolMethods,
  ToolRegistry,
} from "../tools/mod.ts";
import { openDataDirectory } from "./data_directory.ts";
import { openJobs } from "./open_jobs.ts";
import { openLog } from "./open_log.ts";
import {
  checkCap,
  ConfiguredTools,
  type HostPool,
  LivePools,
  PoolTable,
  type ReloadResult,
  startPools,
  WorkerCap,
} from "./live/mod.ts";
import { groupOf, openPool, type PoolsParts } from "./open_pools.ts";
import { Programs } from "./open_programs.ts";
import { openPythons } from "./open_python.ts";
import { assertPermitted } from "./permissions.ts";
import { ProcessRegistry } from "./process_registry.ts";
import { endDeadRuns, endOwnRun } from "./recovery.ts";
import { RunDirectory } from "./run_directory.ts";
import { Shutdown } from "./shutdown.ts";
import { hasJobsAside, openBlobs, openJobStore, openStore, StoreStatus } from "./store/mod.ts";
import { type ListedPool, ToolLists } from "./tool_lists/mod.ts";

/** Options of the start of a host. */
export interface StartOptions {
  /** Aborts the start. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called with lines about the first build of the Python environment. By default they go to the
   * log; if nobody has configured one, a terminal shows one line about a build that takes a while.
   */
  readonly onSetupProgress?: ((line: string) => void) | undefined;
  /**
   * The start fails unless every pool has a ready worker this long after the Python environment is
   * ready. By default, the start succeeds even if pools are unhealthy.
   */
  readonly readyTimeoutMs?: number | undefined;
  /**
   * The start fails if another host has the store of the data directory, or if it cannot be opened.
   * By default, such a host keeps its records in memory, so that scripts can run beside a server.
   */
  readonly requireStore?: boolean | undefined;
  /**
   * The address at which the program serves the host over HTTP. Scripts and commands that run as
   * jobs get it, with a token. By default they get neither.
   */
  readonly url?: string | undefined;
  /** Called after each reload with the configuration of the host, which has changed in parts. */
  readonly onReloaded?: ((config: SizedConfig) => void) | undefined;
}

/** Splits the options of a start into the start's own and the configuration. */
export function splitOptions<T extends object>(
  options: T & StartOptions,
): { readonly start: StartOptions; readonly input: Omit<T, keyof StartOptions> } {
  const { signal, onSetupProgress, readyTimeoutMs, requireStore, url, onReloaded, ...input } =
    options;
  const start = { signal, onSetupProgress, readyTimeoutMs, requireStore, url, onReloaded };
  return { start, input };
}

/** Options of {@link compose}. */
export interface ComposeOptions extends StartOptions {
  /** The log that the host asks for. */
  readonly logging?: NamedLogging;
  /** Methods that tools may ask the host for, by name. */
  readonly hostMethods?: Readonly<Record<string, HostMethod>>;
}

/** The parts of a host that is running. */
export interface Host {
  /** The configuration, with the sizes of all pools. */
  readonly config: SizedConfig;
  /** Names this life of the host; 128 random bits. */
  readonly runId: string;
  readonly calls: Calls;
  readonly maps: Maps;
  readonly tools: ToolRegistry;
  readonly pools: Pools;
  readonly workers: WorkerList;
  readonly sessions: Sessions;
  readonly jobs: Jobs;
  readonly queues: Queues;
  readonly files: Files;
  readonly hardware: Hardware;
  readonly store: StoreStatus;
  readonly health: Health;
  readonly shutdown: Shutdown;
  /** Reads the configuration anew, and applies it; see {@link LivePools.reload}. */
  readonly reload: (options: AddPoolOptions) => Promise<ReloadResult>;
}

/**
 * Time that the start waits for the cleanup after dead hosts, which then continues in the
 * background.
 */
const RECOVERY_MS = 1_000;

/**
 * Opens the parts of a host and starts it. Each part is opened after those that it needs; all are
 * disposed in reverse order, even if the start fails.
 *
 * @throws {SnakedenError} `config_invalid`, `device_unavailable`, `python_environment` or
 * `startup_failed`; with `readyTimeoutMs` also what {@link Health.awaitReady} throws. Nothing is
 * left running then.
 */
export async function compose(given: Config, options: ComposeOptions = {}): Promise<Host> {
  const { requireStore = false, logging = {} } = options;
  const runId = randomBytes(16).toString("hex");
  await using resources = new AsyncDisposableStack();
  resources.use(openLog({ logging, dev: given.dev }));
  assertPermitted(given);
  const deviceHealth = new DeviceHealth();
  const hardware = resources.use(
    new Hardware({ healthOf: (deviceId) => deviceHealth.healthOf(deviceId) }),
  );
  const placed = await placeConfig(given, hardware, options.signal);
  const { config, placements } = placed;
  checkCap(config.pools, config);
  const risk = await openDataDirectory(config.dataDir);
  if (risk !== undefined) getLogger("server").warn("{risk}", { risk });
  const opening = await openStore(config, { runId, required: requireStore });
  const store = resources.use(opening.store);
  const blobs = resources.use(await openBlobs(config, { ...opening, required: requireStore }));
  // Its threads start while the other parts are opened.
  const openingJobs = openJobStore(config, { ...opening, required: requireStore });
  openingJobs.catch(() => {});
  resources.defer(() => disposeOpened(openingJobs));
  const { limits: { maxDepth } } = config;
  // Sessions are opened before the parts that they notify and use.
  const later: { pools?: PoolGroup; calls?: Calls; strict?: StrictSessions } = {};
  const sessions = resources.use(
    new Sessions({
      store,
      config: config.sessions,
      maxDepth,
      calls: () => opened(later.calls),
      onEnded: (ids, lives) => {
        later.strict?.ended(ids);
        later.pools?.sessionsEnded(ids, lives);
        hostTools.ended(ids);
      },
      onOpened: (id) => {
        later.strict?.opened(id);
        hostTools.opened(id);
      },
      workerOf: (id, boundIn) => later.strict?.workerOf(id, boundIn),
    }),
  );
  const configured = new ConfiguredTools();
  const hostTools = new HostTools({
    pools: () => [...later.pools?.byName.keys() ?? [], ...configured.coming],
    isOpen: async (id) => await sessions.boundIn(id) !== undefined,
  });
  const { limits } = config;
  const hostRuns = resources.use(new HostRuns({ limits, calls: () => opened(later.calls) }));
  const processTable = systemProcessTable();
  const times = new StartTimes(processTable);
  const startTimeOf = (pid: number): Promise<string | undefined> => times.of(pid);
  const { processes } = store;
  const registry = resources.use(new ProcessRegistry({ runId, startTimeOf, processes }));
  const directory = resources.use(await RunDirectory.create(config.dataDir, runId));
  const recovering = endDeadRuns({ directory, store, table: processTable });
  resources.defer(() => recovering);
  resources.defer(() => endOwnRun(runId, processTable));
  const pythons = resources.use(await openPythons(config, options));
  // Dead runs may still hold resources that the new workers need, such as GPU memory.
  await settlesWithin(recovering, RECOVERY_MS);
  const jobStore = await openingJobs;
  const filesEnd = new AbortController();
  resources.defer(() => filesEnd.abort());
  const files = new Files({
    store: jobStore instanceof SnakedenError ? jobStore : { files: jobStore, blobs },
    config: config.files,
    maxFileBytes: limits.maxFileBytes,
    signal: filesEnd.signal,
  });
  const fileLimits = { ...config.files, maxFileBytes: limits.maxFileBytes };
  const ofCalls = {
    source: files,
    folders: new CallFolders(join(directory.path, "files")),
    limits: fileLimits,
  };
  const hostFiles = new HostFiles(files, fileLimits);
  const bridge = resources.use(
    await BridgeServer.listen(directory.path, {
      carriers: config.pools.map(({ carrier }) => carrier),
    }),
  );
  const parts: Omit<PoolsParts, "config" | "placements" | "pythons"> = {
    deviceHealth,
    deviceDemand: new DeviceDemand(),
    cap: resources.use(
      new WorkerCap({ limits: () => config, pools: () => later.pools?.all ?? [] }),
    ),
    freeDeviceBytes: (deviceId) => freeDeviceBytes(hardware, deviceId),
    services: new HostMethods({
      ...sessionMethods(sessions),
      ...toolMethods({ tools: hostTools, runs: hostRuns, files: hostFiles }),
      ...fileMethods(ofCalls),
      ...registrationMethods({ pools: () => later.pools?.all, sessions }),
      ...options.hostMethods,
    }),
    runId,
    runDirectory: directory.path,
    bridge,
    registry,
  };
  const openedPools = config.pools.map((pool): HostPool => ({
    ...openPool(pool, { ...parts, config, placements, pythons }),
    given: given.pools.find(({ name }) => name === pool.name) ?? pool,
    isConfigured: true,
    resources: new AsyncDisposableStack(),
  }));
  const table = new PoolTable(openedPools);
  Object.defineProperty(config, "pools", { get: () => table.configs, enumerable: true });
  const group = later.pools = resources.use(groupOf(openedPools));
  const strict = later.strict = new StrictSessions(sessions, group.byName);
  logPlacements(placed);
  const tools = new ToolRegistry(group.byName, {
    get isDemo(): boolean {
      return isDemo(table.configs);
    },
    host: hostTools,
  });
  configured.replace(tools, config);
  const policies = new PoliciesByPool(config.pools);
  const host = new HostCalls({ tools: hostTools, runs: hostRuns, maxDepth, files: hostFiles });
  const calls = new Calls({ limits, tools, policies, strict, files: new CallFiles(ofCalls), host });
  later.calls = calls;
  const health = new Health(group.byName);
  const toolLists = new ToolLists({ store: store.toolLists, dataDir: config.dataDir });
  const follow = async (...pools: readonly ListedPool[]): Promise<AsyncDisposable> => {
    await using followed = new AsyncDisposableStack();
    followed.use(await toolLists.follow(pools));
    followed.use(await openReload(pools, { config, pools: group.byName, tools, policies }));
    return followed.move();
  };
  await toolLists.retain([...group.byName.keys()]);
  const served = openedPools.map(({ pool, config: poolConfig }) => (
    { pool, poolConfig, python: pythons.of(pool.name) }
  ));
  resources.use(await follow(...served));
  await startPools(group, { health, dev: config.dev, ...options });
  tools.warnOfSharedNames();
  for (const pool of config.pools) warnOfUnknownTools(pool, group.byName.get(pool.name));
  const { jobs: { scripts } } = config;
  const tokens = new JobTokens({ maxDepth: scripts.maxDepth });
  const programs = resources.use(
    await Programs.open({
      config,
      runId,
      runDirectory: directory.path,
      pythons,
      files,
      url: options.url,
      tokens,
    }),
  );
  const { jobs, queues, engine, feed } = openJobs({
    store: jobStore,
    blobs,
    files,
    keepsBlobs: hasJobsAside(config),
    runId,
    config,
    pools: group.byName,
    tools,
    calls,
    programs,
    tokens,
    othersEnded: recovering,
  });
  resources.use(feed);
  resources.use(engine);
  const live = resources.use(
    new LivePools({
      group,
      table,
      config: () => config,
      hardware,
      bridge,
      parts,
      tools,
      policies,
      strict,
      jobs: engine,
      replaceHostTools: (next) => configured.replace(tools, next),
      adopt: (next) => {
        config.hostTools = next.hostTools;
        markLike(config, next);
        options.onReloaded?.(config);
      },
      follow,
    }),
  );
  const pools = new Pools(table, { pools: group.byName, policies, changes: live });
  const factsOf: MapsDeps["factsOf"] = (pool) => ({
    capacity: pools.get(pool).capacity,
    maxReruns: table.get(pool)?.config.maxReruns ?? 0,
  });
  return {
    config,
    runId,
    calls,
    maps: new Maps({ calls, tools, limits, factsOf }),
    tools,
    pools,
    workers: new WorkerList(() => group.all),
    sessions,
    jobs,
    queues,
    files,
    hardware,
    store: new StoreStatus({
      store,
      processes: registry,
      jobs: jobStore instanceof SnakedenError ? undefined : jobStore,
    }),
    health,
    shutdown: new Shutdown({
      pools: group,
      calls,
      jobs: engine,
      changes: live,
      drainMs: () => config.drainMs,
      resources: resources.move(),
    }),
    reload: (how) => live.reload(() => rereadConfig(config), how),
  };
}

/** Disposes a part that may still be opened; an error of that is left to who waits for it. */
async function disposeOpened(opening: Promise<AsyncDisposable | SnakedenError>): Promise<void> {
  const [result] = await Promise.allSettled([opening]);
  if (result.status !== "fulfilled" || result.value instanceof SnakedenError) return;
  await result.value[Symbol.asyncDispose]();
}

function opened(calls: Calls | undefined): Calls {
  if (calls === undefined) throw new TypeError("a call was made before the host was open");
  return calls;
}
