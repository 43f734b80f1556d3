/** Files over real drivers: in memory, or in a data directory. */
import { join } from "node:path";
import { openDirectoryBlobs } from "../../src/blobs/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { Files } from "../../src/files/mod.ts";
import { openSqliteJobs } from "../../src/sqlite/mod.ts";
import { type Blobs, type JobStore, memoryBlobs, memoryJobs } from "../../src/store/mod.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";
import { LIMITS, START } from "../store/jobs/job_kit.ts";

/** The drivers of the tests of files. */
export const DRIVERS = ["memory", "directory"] as const;
export type Driver = typeof DRIVERS[number];

/** Options of {@link FileKit.open}. */
export interface FileKitOptions {
  readonly driver?: Driver;
  /** The section `files`. */
  readonly files?: Parameters<typeof parseConfig>[0] extends infer T
    ? T extends { files?: infer F } ? F : never
    : never;
  readonly maxFileBytes?: number;
}

/** Open files, with the store and the blobs below them. */
export class FileKit implements AsyncDisposable {
  readonly files: Files;
  readonly store: JobStore & AsyncDisposable;
  readonly blobs: Blobs;
  readonly clock: FakeClock;
  /** The folder of a directory. */
  readonly path: string;

  private constructor(parts: Pick<FileKit, "files" | "store" | "blobs" | "clock" | "path">) {
    this.files = parts.files;
    this.store = parts.store;
    this.blobs = parts.blobs;
    this.clock = parts.clock;
    this.path = parts.path;
  }

  static async open(options: FileKitOptions = {}): Promise<FileKit> {
    const { driver = "memory", maxFileBytes = 1_000_000 } = options;
    const clock = new FakeClock();
    clock.advance(START - clock.now());
    const path = await Deno.makeTempDir({ prefix: "snakeden-test-" });
    const isMemory = driver === "memory";
    const store = isMemory
      ? memoryJobs({ limits: LIMITS, clock })
      : await openSqliteJobs({ path: join(path, "jobs.sqlite"), limits: LIMITS, clock });
    const blobs = isMemory ? memoryBlobs() : await openDirectoryBlobs(join(path, "blobs"));
    const config = parseConfig({ files: options.files ?? {} }).files;
    const files = new Files({ store: { files: store, blobs }, config, maxFileBytes });
    return new FileKit({ files, store, blobs, clock, path });
  }

  /** Returns the hashes of all blobs. */
  async hashes(): Promise<string[]> {
    const found: string[] = [];
    for await (const { sha256 } of this.blobs.list()) found.push(sha256);
    return found.sort();
  }

  /** Returns the bytes of a file, or of a part of it. */
  async read(id: string, range?: { start: number; end: number }): Promise<Uint8Array> {
    return await new Response(await this.files.open(id, range)).bytes();
  }

  /** Does what the sweeper of the engine does. */
  async sweep(): Promise<void> {
    const { unusedBlobs } = await this.store.sweep();
    for (const sha256 of unusedBlobs) {
      await this.blobs.remove(sha256, async () => (await this.store.areNamed([sha256]))[0] ?? true);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    await this.blobs[Symbol.asyncDispose]();
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Returns the SHA-256 of bytes, in hexadecimal digits. */
export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** Returns bytes that differ from those of another seed. */
export function someBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17) % 251);
}
