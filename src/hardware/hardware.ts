import { type Clock, SYSTEM_CLOCK, unlessAborted } from "../async/mod.ts";
import { SnakedenError } from "../errors.ts";
import type { Device } from "./device.ts";
import type { HardwareInfo, HardwareProblem } from "./hardware_info.ts";
import { probeDevices, type ProbeResult, refreshDevices } from "./probes/mod.ts";
import { newDevice } from "./new_device.ts";
import { selectDevice, type SelectOptions } from "./select_device.ts";
import { type MemoryReading, readMemory, readSystem, type SystemReading } from "./system/mod.ts";

/** The time after which free memory and load are read again. */
const FRESH_MS = 5_000;

/** Options of {@link Hardware.detect}. */
export interface DetectOptions {
  /**
   * True to ask everything again; otherwise only what changes is, if it is older than `maxAgeMs`.
   */
  readonly refresh?: boolean;
  /**
   * The age up to which nothing is asked again: that of free memory and load, 5,000 ms if omitted;
   * with `refresh` that of everything, which is asked in any case if this is omitted.
   */
  readonly maxAgeMs?: number | undefined;
  /** Ends the wait. The detection goes on for others who wait for it. */
  readonly signal?: AbortSignal | undefined;
}

/** The sources of {@link Hardware}. Each signal aborts when the host stops. */
export interface HardwareDeps {
  /** Reads the processor, the memory and the name of the machine. */
  readonly readSystem?: (signal: AbortSignal) => Promise<SystemReading>;
  /** Reads the memory alone. */
  readonly readMemory?: (signal: AbortSignal) => Promise<MemoryReading>;
  /** Asks the vendors' tools for devices. */
  readonly probeDevices?: (signal: AbortSignal) => Promise<ProbeResult>;
  /** Reads what changes of these devices. */
  readonly refreshDevices?: (
    devices: readonly Device[],
    signal: AbortSignal,
  ) => Promise<ProbeResult>;
  /** Returns the health of a device; by default all are healthy. */
  readonly healthOf?: (deviceId: string) => Device["health"];
  readonly clock?: Clock;
}

/** The result of a detection, and the times when it and its changing parts were read. */
interface Snapshot {
  readonly system: SystemReading;
  readonly probed: ProbeResult;
  /** The problems of the last reading of what changes. */
  readonly renewalProblems: readonly HardwareProblem[];
  readonly detectedAt: number;
  readonly readAt: number;
}

/**
 * The hardware of the machine: its processor, its memory, and the devices that pools can use.
 * Nothing is asked before the first use. What does not change is asked once.
 *
 * @example
 * ```ts
 * import { Snakeden } from "snakeden";
 *
 * await using den = await Snakeden.start({ pools: [{ name: "default", size: 1 }] });
 * const { cpu, memory, devices } = await den.hardware.detect();
 * console.log(cpu.usableCores, memory.availableBytes, devices.map(({ id }) => id));
 * const device = await den.hardware.select(["cuda", "cpu"], { minFreeBytes: 2 ** 20 });
 * console.log(device.id, device.name);
 * ```
 */
export class Hardware implements AsyncDisposable {
  readonly #readSystem: (signal: AbortSignal) => Promise<SystemReading>;
  readonly #readMemory: (signal: AbortSignal) => Promise<MemoryReading>;
  readonly #probeDevices: (signal: AbortSignal) => Promise<ProbeResult>;
  readonly #refreshDevices: (
    devices: readonly Device[],
    signal: AbortSignal,
  ) => Promise<ProbeResult>;
  readonly #healthOf: (deviceId: string) => Device["health"];
  readonly #clock: Clock;
  readonly #ending = new AbortController();
  #snapshot: Snapshot | undefined;
  /** The detection that is in progress, which all callers share. */
  #detection: Promise<Snapshot> | undefined;
  /** The reading of what changes that is in progress. */
  #renewal: Promise<Snapshot> | undefined;

  /** Creates the hardware of this machine, or with `deps` that of a test. */
  constructor(deps: HardwareDeps = {}) {
    this.#readSystem = deps.readSystem ?? ((signal) => readSystem({ signal }));
    this.#readMemory = deps.readMemory ?? readMemory;
    this.#probeDevices = deps.probeDevices ?? ((signal) => probeDevices({ signal }));
    this.#refreshDevices = deps.refreshDevices ?? renewDevices;
    this.#healthOf = deps.healthOf ?? (() => "healthy");
    this.#clock = deps.clock ?? SYSTEM_CLOCK;
  }

  /**
   * Returns the hardware, as this process may use it. The first call asks the system and the
   * vendors' tools, which takes tenths of a second, or seconds if a tool hangs. Later calls return
   * the same facts at once; free memory and load are read again when they are older than 5 s. A
   * fact that could not be found out stays unknown until a call with `refresh`; `problems` says
   * why. Calls that come while a detection runs share it, unless what is known is new enough.
   *
   * @throws The reason of the signal, or {@link SnakedenError} `shutting_down`.
   */
  async detect(
    { refresh = false, maxAgeMs = refresh ? -1 : FRESH_MS, signal }: DetectOptions = {},
  ): Promise<HardwareInfo> {
    signal?.throwIfAborted();
    if (this.#ending.signal.aborted) throw stopping();
    return this.#infoOf(await unlessAborted(this.#current(refresh, maxAgeMs), signal));
  }

  /**
   * Returns the first device that fits. `wanted` lists kinds, such as `cuda`, and ids, such as
   * `cuda:1`, in the order of preference; `auto` stands for all kinds in the order cuda, rocm, mps,
   * xpu, cpu. A device fits if it is visible and healthy, and has `minFreeBytes` free. If its free
   * memory is unknown, it fits only without `minFreeBytes`.
   *
   * @throws {SnakedenError} `device_unavailable`, with `details.tried`: a list of
   * `{ want, why }`; `invalid_input` if `wanted` or `minFreeBytes` is not valid; `shutting_down`.
   * If the signal aborts, its reason is thrown.
   */
  async select(
    wanted: readonly string[],
    { signal, ...options }: SelectOptions & Pick<DetectOptions, "signal"> = {},
  ): Promise<Device> {
    const choose = selectDevice(wanted, options);
    return choose(await this.detect({ signal }));
  }

  /** Ends a detection that is in progress, with all processes that it has started. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(stopping());
    await Promise.allSettled([this.#detection, this.#renewal]);
  }

  #current(refresh: boolean, maxAgeMs: number): Promise<Snapshot> {
    const last = this.#snapshot;
    // First, so that nobody waits for a tool that hangs because somebody else has asked for all.
    if (last !== undefined) {
      const ageMs = this.#clock.now() - (refresh ? last.detectedAt : last.readAt);
      if (ageMs <= maxAgeMs) return Promise.resolve(last);
    }
    if (this.#detection !== undefined) return this.#detection;
    if (refresh || last === undefined) return this.#startDetection();
    return this.#renewal ?? this.#startRenewal(last);
  }

  #startDetection(): Promise<Snapshot> {
    const { signal } = this.#ending;
    const run = async (): Promise<Snapshot> => {
      const [system, probed] = await both(this.#readSystem(signal), this.#probeDevices(signal));
      const now = this.#clock.now();
      return { system, probed, renewalProblems: [], detectedAt: now, readAt: now };
    };
    this.#detection = run().then((snapshot) => this.#snapshot = snapshot)
      .finally(() => this.#detection = undefined);
    return this.#detection;
  }

  #startRenewal(last: Snapshot): Promise<Snapshot> {
    const { signal } = this.#ending;
    const run = async (): Promise<Snapshot> => {
      const [{ memory, problems }, { devices, ...renewed }] = await both(
        this.#readMemory(signal),
        this.#refreshDevices(last.probed.devices, signal),
      );
      const snapshot = {
        ...last,
        system: { ...last.system, memory },
        probed: { ...last.probed, devices },
        renewalProblems: [...problems, ...renewed.problems],
        readAt: this.#clock.now(),
      };
      // A detection that ended meanwhile knows more.
      if (this.#snapshot === last) this.#snapshot = snapshot;
      return snapshot;
    };
    this.#renewal = run().finally(() => this.#renewal = undefined);
    return this.#renewal;
  }

  /** The health is not part of the snapshot, since it can change at any time. */
  #infoOf({ system, probed, renewalProblems }: Snapshot): HardwareInfo {
    const { hostname, platform, cpu, memory } = system;
    const devices = [...probed.devices, processorOf(system)]
      .map((it) => ({ ...it, health: this.#healthOf(it.id) }));
    const known = [...system.problems, ...probed.problems];
    const isKnown = ({ text }: HardwareProblem): boolean => known.some((it) => it.text === text);
    const problems = [...known, ...renewalProblems.filter((it) => !isKnown(it))];
    return { hostname, platform, cpu, memory, devices, problems };
  }
}

async function renewDevices(
  devices: readonly Device[],
  signal: AbortSignal,
): Promise<ProbeResult> {
  const problems: HardwareProblem[] = [];
  const onProblem = (problem: HardwareProblem): void => void problems.push(problem);
  return { devices: await refreshDevices(devices, { signal, onProblem }), problems };
}

/** Returns the processor as a device. Its memory is what this process may use of the machine's. */
function processorOf({ cpu, memory }: SystemReading): Device {
  return newDevice({
    id: "cpu",
    kind: "cpu",
    index: 0,
    name: cpu.model ?? "unknown processor",
    arch: Deno.build.arch,
    memoryBytes: memory.limitBytes ?? memory.totalBytes,
    freeBytes: memory.availableBytes,
    unified: true,
  });
}

/** Waits for both, also if one fails, so that nothing goes on unseen. */
async function both<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return await Promise.all([first, second]);
}

function stopping(): SnakedenError {
  return new SnakedenError("shutting_down", "The host is stopping", { retryable: true });
}
