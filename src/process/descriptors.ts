import { closeSync, openSync } from "node:fs";

/**
 * The lowest descriptor that is free, which is about how many are in use, when so many are free.
 *
 * @throws {Error} What the system says when they are not; see {@link isOutOfDescriptors}.
 */
export function lowestDescriptor(free: number): number {
  const files: number[] = [];
  try {
    const path = Deno.execPath();
    // Each one is the lowest that is free, so all below the first are in use.
    for (let i = 0; i < free; i++) files.push(openSync(path, "r"));
    return files[0] ?? 0;
  } finally {
    for (const file of files) closeSync(file);
  }
}

/** True when the process, or the system, cannot open another file. */
export function isOutOfDescriptors(error: unknown): boolean {
  return error instanceof Error && "code" in error &&
    (error.code === "EMFILE" || error.code === "ENFILE");
}
