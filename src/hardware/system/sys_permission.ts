import { isGranted } from "../../granted.ts";
import type { HardwareProblem } from "../hardware_info.ts";

/** The facts about the system that need a permission. */
const KINDS = ["cpus", "hostname", "systemMemoryInfo"] as const;

/** The flag that grants all of them. */
const FLAG = `--allow-sys=${KINDS.join(",")}`;

/** Returns true when the program may ask the system for these facts. */
export function isSysGranted(kind: typeof KINDS[number]): boolean {
  return isGranted({ name: "sys", kind });
}

/** Returns the problem of facts that the program may not ask for, which names the flag. */
export function deniedProblem(probe: string, lost: string): HardwareProblem {
  return { probe, what: "denied", text: `${lost}: the permission ${FLAG} is missing` };
}
