/**
 * A process that writes and reads blobs, and the same bytes as a plain file, in one directory. Run
 * it as `blobs_host.ts DIRECTORY`; it then takes commands.
 */
import { join } from "node:path";
import process from "node:process";
import { type DirectoryBlobs, openDirectoryBlobs } from "../../src/blobs/mod.ts";
import { messageOf } from "../../src/errors.ts";
import { type FileCommand, say, serveCommands } from "../commands.ts";
import { LoopProbe } from "../loop_probe.ts";
import type { Figures } from "../measure.ts";
import { highestDuring, rssBytes } from "../process_stats.ts";

/** The bytes of one write, as a body of HTTP or a tool has them. */
const CHUNK_BYTES = 64 * 1024;
const MEGABYTE = 1e6;

/** Runs the commands on one directory. */
class BlobsHost {
  readonly #directory: string;
  readonly #blobs: DirectoryBlobs;
  /** The memory of the process before its first work. */
  readonly #idleBytes = rssBytes(process.pid);
  /** Other bytes each time, since equal ones are kept once. */
  #round = 0;

  constructor(directory: string, blobs: DirectoryBlobs) {
    this.#directory = directory;
    this.#blobs = blobs;
  }

  async run({ as, bytes }: FileCommand): Promise<Figures> {
    const { write, read } = as === "file" ? this.#fileWork(bytes) : this.#blobWork(bytes);
    return {
      ...await this.#measured("write", bytes, write),
      ...await this.#measured("read", bytes, read),
    };
  }

  async #measured(
    name: "write" | "read",
    bytes: number,
    work: () => Promise<void>,
  ): Promise<Figures> {
    using probe = new LoopProbe();
    let seconds = 0;
    const highest = await highestDuring(() => rssBytes(process.pid), async () => {
      const startedAt = performance.now();
      await work();
      seconds = (performance.now() - startedAt) / 1000;
    });
    return {
      [`${name}PerSecond`]: bytes / MEGABYTE / seconds,
      [`${name}Memory`]: (highest - this.#idleBytes) / MEGABYTE,
      [`${name}HeldMs`]: probe.longestMs,
    };
  }

  #fileWork(bytes: number): Work {
    const path = join(this.#directory, "plain");
    const copy = join(this.#directory, "copy");
    return {
      write: async () => {
        using file = await Deno.open(path, { write: true, create: true, truncate: true });
        for (const chunk of this.#chunks(bytes)) await writeAll(file, chunk);
        await file.sync();
      },
      read: async () => {
        await Deno.copyFile(path, copy);
        using file = await Deno.open(copy, { write: true });
        await file.sync();
        await Deno.remove(copy);
      },
    };
  }

  #blobWork(bytes: number): Work {
    let ref = { sha256: "", bytes };
    return {
      write: async () => {
        await using writer = await this.#blobs.create();
        for (const chunk of this.#chunks(bytes)) await writer.write(chunk);
        using held = await writer.finish();
        ref = { sha256: held.sha256, bytes };
      },
      read: async () => {
        const stream = await this.#blobs.open(ref);
        let count = 0;
        for await (const chunk of stream ?? []) count += chunk.length;
        if (count !== bytes) throw new Error(`read ${count} of ${bytes} bytes`);
        await this.#blobs.remove(ref.sha256, () => Promise.resolve(false));
      },
    };
  }

  *#chunks(bytes: number): Generator<Uint8Array<ArrayBuffer>> {
    const chunk = new Uint8Array(CHUNK_BYTES).fill(++this.#round);
    const numbers = new DataView(chunk.buffer);
    for (let at = 0; at < bytes; at += CHUNK_BYTES) {
      numbers.setFloat64(0, at);
      yield chunk.subarray(0, Math.min(CHUNK_BYTES, bytes - at));
    }
  }
}

/** A work with two halves. */
interface Work {
  write(): Promise<void>;
  read(): Promise<void>;
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

if (import.meta.main) {
  try {
    const [directory = ""] = Deno.args;
    await using blobs = await openDirectoryBlobs(join(directory, "blobs"));
    const host = new BlobsHost(directory, blobs);
    await serveCommands({ pids: [], figures: {} }, (it: FileCommand) => host.run(it));
  } catch (error) {
    say({ error: messageOf(error) });
    Deno.exit(1);
  }
}
