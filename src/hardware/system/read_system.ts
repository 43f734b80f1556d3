import type { CpuInfo, HardwareProblem } from "../hardware_info.ts";
import { cpuInfoOf } from "./cpu_info.ts";
import { readCpu, type ReadCpuOptions } from "./read_cpu.ts";
import { type MemoryReading, readMemory } from "./read_memory.ts";
import { deniedProblem, isSysGranted } from "./sys_permission.ts";

/** The facts about the system, except for its accelerators. */
export interface SystemReading extends MemoryReading {
  readonly hostname: string | null;
  readonly platform: string;
  readonly cpu: CpuInfo;
}

/**
 * Reads the processor, the memory and the name of the machine.
 *
 * @throws Only the reason of the signal.
 */
export async function readSystem(options: ReadCpuOptions = {}): Promise<SystemReading> {
  const [cpu, memory] = await Promise.all([readCpu(options), readMemory(options.signal)]);
  const hostname = isSysGranted("hostname") ? Deno.hostname() : null;
  const problems: HardwareProblem[] = [...cpu.problems, ...memory.problems];
  if (hostname === null) {
    problems.push(deniedProblem("hostname", "the name of the machine was not read"));
  }
  return {
    hostname,
    platform: `${Deno.build.os}-${Deno.build.arch}`,
    cpu: cpuInfoOf(cpu.facts),
    memory: memory.memory,
    problems,
  };
}
