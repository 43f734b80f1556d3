import type { Device } from "../device.ts";

/** The device of a slot of a pool, and of each worker in that slot. */
export interface Place {
  readonly device: Device;
  /**
   * The part of the device that a worker may use: 0.25 if four workers share it alike. For a worker
   * that shares it and reserves memory, it is that part of the memory.
   */
  readonly share: number;
  /** The device memory that the pool reserves for a worker; undefined if it reserves none. */
  readonly reservedBytes: number | undefined;
  /**
   * The variables by which libraries find the device and keep to their share. Those that the pool
   * sets itself are left out.
   */
  readonly env: Readonly<Record<string, string>>;
}
