/**
 * Reads the processor and the memory of the machine, as far as this process may use them:
 * {@link readSystem} for all facts, {@link readMemory} for those that change.
 *
 * The processor is read in a thread of its own (cpu_thread.ts). A fact for which a permission is
 * missing is null, with a problem that names the flag.
 *
 * @module
 */
export type { ReadCpuOptions } from "./read_cpu.ts";
export { type MemoryReading, readMemory } from "./read_memory.ts";
export { readSystem, type SystemReading } from "./read_system.ts";
