import type { WorkerExit } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import { describeExit, isOwnDoing, isSignalled } from "../crashes/mod.ts";
import type { PoolDevices } from "./devices/mod.ts";
import { hasProvedItself, type PoolHealth, type Quarantine } from "./health/mod.ts";
import type { Occupancy } from "./occupancy.ts";

/**
 * Counts the end of a worker against its slot (the pauses between starts), the health of its pool,
 * the quarantine, and its device. An end that the host wanted does not count.
 */
export class PostMortem {
  readonly #health: PoolHealth;
  readonly #quarantine: Quarantine;
  readonly #devices: PoolDevices;
  readonly #log = getLogger("pool");

  constructor(health: PoolHealth, quarantine: Quarantine, devices: PoolDevices) {
    this.#health = health;
    this.#quarantine = quarantine;
    this.#devices = devices;
  }

  /** Counts a worker that was asked to end from outside the host, before it ends. */
  left(occupancy: Occupancy): void {
    const { id: workerId, leavingFor, place } = occupancy.worker;
    const reason = `it received ${leavingFor}, but not from the host`;
    this.#log.warn("{workerId} ends: {reason}", { workerId, device: place?.device.id, reason });
    this.#count(occupancy, `Worker ${workerId} left: ${reason}`, true);
  }

  /** Counts a worker that has exited. */
  exited(occupancy: Occupancy, exit: WorkerExit): void {
    const { worker, slot } = occupancy;
    if (worker.stopRequested) return;
    const { id: workerId } = worker;
    const { kind: crash } = worker.crashOf(exit);
    // A crash that a tool caused says nothing about the next worker.
    if (worker.inFlightAtExit.lost.length === 0) {
      const reason = worker.crashError(exit, "its work").message;
      this.#count(occupancy, reason, isSignalled(crash));
    } else if (worker.answered > 0) slot.starts.reset();
    this.#log.warn("{workerId} died: {how}", {
      workerId,
      device: slot.place?.device.id,
      how: describeExit(exit),
      crash,
    });
    if (!isOwnDoing(crash)) return;
    const { lost, unstarted } = worker.inFlightAtExit;
    this.#devices.crashed(slot.place, (lost[0] ?? unstarted[0])?.call.id);
    if (!this.#quarantine.crashed(workerId)) return;
    const pauseMs = Math.ceil(this.#quarantine.pauseMs(workerId));
    this.#log.warn("{workerId} is not replaced for {pauseMs} ms: its workers crash too often", {
      workerId,
      pauseMs,
    });
  }

  #count({ worker, slot }: Occupancy, reason: string, signalled: boolean): void {
    if (hasProvedItself(worker)) {
      slot.starts.reset();
      this.#health.proved();
    } else {
      slot.starts.failed({ signalled });
      this.#health.failed(reason, { signalled });
    }
  }
}
