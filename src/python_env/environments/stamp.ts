import { join } from "node:path";
import { z } from "zod";

/** The file that marks a complete environment; it is written last. */
const STAMP_FILE = "snakeden-environment.json";

const buildRecordSchema = z.object({
  /** The bytes of all files when the environment was complete. */
  installedBytes: z.number(),
  /** The bytes of the downloaded packages, as the installer reported them. */
  downloadedBytes: z.number(),
  seconds: z.number(),
  /** The requirements files of the user, and packages that are in no file. */
  requirements: z.array(z.string()),
});

const stampSchema = z.object({
  key: z.string(),
  /** Such as `3.11.7`. */
  version: z.string(),
  /** The file that `bin/python` resolves to. */
  basePython: z.string(),
  /** The time at which that file was modified. It differs after an upgrade. */
  baseModifiedMs: z.number(),
  /** Missing in environments of earlier versions. */
  build: buildRecordSchema.optional(),
});

/** The description of an environment, in a file in it. */
export type Stamp = z.output<typeof stampSchema>;
/** The size, download and time of a build. */
export type BuildRecord = z.output<typeof buildRecordSchema>;

/** Returns the path of the interpreter of the environment at `path`. */
export function pythonIn(path: string): string {
  return join(path, "bin", "python");
}

/** Marks the environment at `path` as complete. */
export async function writeStamp(
  path: string,
  made: Pick<Stamp, "key" | "version" | "build">,
): Promise<Stamp> {
  const stamp: Stamp = { ...made, ...await basePython(path) };
  await Deno.writeTextFile(join(path, STAMP_FILE), `${JSON.stringify(stamp, null, 2)}\n`);
  return stamp;
}

/**
 * Returns the stamp of the environment at `path`; null if it has none, or if its Python was
 * upgraded or removed.
 */
export async function validStamp(path: string): Promise<Stamp | null> {
  try {
    const text = await Deno.readTextFile(join(path, STAMP_FILE));
    const stamp = stampSchema.safeParse(JSON.parse(text)).data;
    if (stamp === undefined) return null;
    const base = await basePython(path);
    const same = base.basePython === stamp.basePython &&
      base.baseModifiedMs === stamp.baseModifiedMs;
    return same ? stamp : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return null;
    throw error;
  }
}

async function basePython(path: string): Promise<Pick<Stamp, "basePython" | "baseModifiedMs">> {
  const file = await Deno.realPath(pythonIn(path));
  const { mtime } = await Deno.stat(file);
  return { basePython: file, baseModifiedMs: mtime?.getTime() ?? 0 };
}
