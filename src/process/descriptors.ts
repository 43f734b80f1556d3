import { closeSync, openSync } from "node:fs";

/**
 * Checks that `free` more files can be opened. Returns the lowest free descriptor, which is about
 * the number of descriptors in use.
 *
 * @throws {Error} If fewer can be opened: the system's error, see {@link isOutOfDescriptors}.
 */
export function lowestDescriptor(free: number): number {
  const files: number[] = [];
  try {
    const path = Deno.execPath();
    // The system always gives out the lowest free one, so all below the first are in use.
    for (let i = 0; i < free; i++) files.push(openSync(path, "r"));
    return files[0] ?? 0;
  } finally {
    for (const file of files) closeSync(file);
  }
}

/** Returns true for the error of a process, or a system, that cannot open another file. */
export function isOutOfDescriptors(error: unknown): boolean {
  return error instanceof Error && "code" in error &&
    (error.code === "EMFILE" || error.code === "ENFILE");
}

/**
 * Descriptors that must be free to start a thread: without them Deno 2.9.6 ends the whole process.
 */
const THREAD_DESCRIPTORS = 16;

/**
 * Returns false while too few descriptors are free to start a thread. Nothing may be accepted or
 * opened between this and the start.
 */
export function canStartThread(): boolean {
  try {
    return lowestDescriptor(THREAD_DESCRIPTORS) >= 0;
  } catch (error) {
    return !isOutOfDescriptors(error);
  }
}
