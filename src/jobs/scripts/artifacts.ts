import { join } from "node:path";
import { SnakedenError } from "../../errors.ts";
import { type FilesOfJob, isFileName } from "../../files/mod.ts";
import { lstatIfThere, SCRIPT_ENV } from "../../process/mod.ts";

/**
 * The length of a folder above which its entries are counted before they are listed, since a list
 * of a million would hold up the event loop. On common file systems, an entry takes 12 bytes or
 * more.
 */
const LISTED_BYTES = 256 * 1024;

/** Dependencies of {@link keepArtifacts}. */
export interface ArtifactDeps {
  readonly files: Pick<FilesOfJob, "keep" | "kept">;
  readonly maxArtifacts: number;
  readonly maxArtifactBytes: number;
  /** Counts the entries of a folder, up to a number, outside of the event loop. */
  readonly count: (folder: string, most: number) => Promise<number>;
  /** Adds a line to the log of the job. */
  readonly note: (text: string) => void;
}

/**
 * Keeps the regular files of a folder as files of a job, but for those that an earlier attempt has
 * kept. Whatever else it has is left out, and never opened. No process may be left that could
 * change the folder.
 *
 * @throws {SnakedenError} `script_limit` for too many files or bytes, before any is kept.
 */
export async function keepArtifacts(
  folder: string,
  { name, signal, deps }: {
    readonly name: string;
    readonly signal: AbortSignal;
    readonly deps: ArtifactDeps;
  },
): Promise<void> {
  const { files, maxArtifacts, maxArtifactBytes, note } = deps;
  const found = await artifactsIn(folder, { name, deps });
  let bytes = 0;
  for (const it of found) bytes += it.bytes;
  if (found.length > maxArtifacts) throw tooMany(name, String(found.length), maxArtifacts);
  if (bytes > maxArtifactBytes) {
    throw new SnakedenError(
      "script_limit",
      `Cannot keep the artifacts of ${name}: they have ${bytes} bytes; allowed: at most ` +
        `${maxArtifactBytes} (jobs.scripts.maxArtifactBytes)`,
      { details: { limit: "artifactBytes", bytes, maxArtifactBytes } },
    );
  }
  if (found.length === 0) return;
  const earlier = await files.kept();
  for (const it of found) {
    await files.keep({ source: { path: it.path }, name: it.name, move: true, signal }, earlier);
  }
  note(`kept ${found.length} ${found.length === 1 ? "file" : "files"}`);
}

/** A file to keep. */
interface Artifact {
  readonly path: string;
  readonly name: string;
  readonly bytes: number;
}

async function artifactsIn(
  folder: string,
  { name: work, deps }: { readonly name: string; readonly deps: ArtifactDeps },
): Promise<Artifact[]> {
  const { maxArtifacts, count, note } = deps;
  const info = await lstatIfThere(folder);
  // A program may remove the folder, or put something else in its place.
  if (info === undefined) return [];
  if (!info.isDirectory) {
    note(`left out the artifacts: ${SCRIPT_ENV.artifacts} is no longer a folder`);
    return [];
  }
  if (info.size > LISTED_BYTES && await count(folder, maxArtifacts + 1) > maxArtifacts) {
    throw tooMany(work, `more than ${maxArtifacts}`, maxArtifacts);
  }
  const artifacts: Artifact[] = [];
  const leftOut: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    const path = join(folder, name);
    const file = isFile && isFileName(name) ? await lstatIfThere(path) : undefined;
    if (file?.isFile) artifacts.push({ path, name, bytes: file.size });
    else leftOut.push(name);
  }
  if (leftOut.length > 0) {
    const shown = leftOut.slice(0, 5).map((it) => JSON.stringify(it)).join(", ");
    const more = leftOut.length > 5 ? ` and ${leftOut.length - 5} more` : "";
    note(`left out of the artifacts, since only regular files are kept: ${shown}${more}`);
  }
  return artifacts.sort((a, b) => a.name < b.name ? -1 : 1);
}

function tooMany(name: string, given: string, maxArtifacts: number): SnakedenError {
  return new SnakedenError(
    "script_limit",
    `Cannot keep the artifacts of ${name}: they are ${given}; allowed: at most ${maxArtifacts} ` +
      "(jobs.scripts.maxArtifacts)",
    { details: { limit: "artifacts", maxArtifacts } },
  );
}
