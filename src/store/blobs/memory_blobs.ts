import { createHash } from "node:crypto";
import { nextTurn } from "../../async/mod.ts";
import { InvalidInputError, SnakedenError } from "../../errors.ts";
import { AcceptedWork } from "../accepted_work.ts";
import { copyOf } from "../copies.ts";
import { BlobHolds } from "./blob_holds.ts";
import {
  type BlobRange,
  type BlobRef,
  type Blobs,
  type BlobWriter,
  checkBlobHash,
  checkBlobRef,
  type HeldBlob,
  type ListedBlob,
} from "./blobs.ts";

/** The bytes that are hashed in one turn of the event loop, and those of a chunk of a stream. */
const SLICE_BYTES = 256 * 1024;

interface StoredBlob {
  readonly chunks: readonly Uint8Array<ArrayBuffer>[];
  readonly bytes: number;
  readonly writtenAt: number;
}

/** Returns blobs that live as long as their host. */
export function memoryBlobs(): Blobs {
  return new MemoryBlobs();
}

class MemoryBlobs implements Blobs {
  readonly #blobs = new Map<string, StoredBlob>();
  readonly #holds = new BlobHolds((sha256) => Promise.resolve(void this.#blobs.delete(sha256)));
  readonly #accepted = new AcceptedWork();
  /** Ends the streams that are read. */
  readonly #closing = new AbortController();

  create(): Promise<BlobWriter> {
    return this.#accepted.run("begin a blob", () => {
      const draft = new Draft();
      return Promise.resolve({
        get bytes() {
          return draft.bytes;
        },
        write: (chunk) => this.#accepted.run("write a blob", () => draft.write(chunk)),
        // deno-lint-ignore require-await -- errors must reject
        finish: () => this.#accepted.run("finish a blob", async () => this.#finish(draft)),
        [Symbol.asyncDispose]: () => Promise.resolve(draft.drop()),
      });
    });
  }

  adopt(path: string, { move = false } = {}): Promise<HeldBlob> {
    return this.#accepted.run(`take the file ${path}`, async () => {
      await checkFile(path);
      using file = await Deno.open(path);
      const draft = new Draft();
      const buffer = new Uint8Array(SLICE_BYTES);
      for (let count; (count = await file.read(buffer)) !== null;) {
        await draft.write(buffer.subarray(0, count));
      }
      const held = await this.#finish(draft);
      if (move) await Deno.remove(path);
      return held;
    });
  }

  open(ref: BlobRef, range?: BlobRange): Promise<ReadableStream<Uint8Array> | undefined> {
    // deno-lint-ignore require-await -- errors must reject
    return this.#accepted.run("read a blob", async () => {
      checkBlobRef(ref, range);
      const blob = this.#find(ref);
      if (blob === undefined) return undefined;
      return streamOf(piecesOf(blob, range ?? { start: 0, end: blob.bytes }), this.#closing.signal);
    });
  }

  link(ref: BlobRef, path: string): Promise<boolean> {
    return this.#accepted.run(`write the file ${path}`, async () => {
      checkBlobRef(ref);
      const blob = this.#find(ref);
      if (blob === undefined) return false;
      const stream = streamOf(piecesOf(blob, { start: 0, end: blob.bytes }), this.#closing.signal);
      await Deno.writeFile(path, stream, { createNew: true, mode: 0o444 });
      return true;
    });
  }

  remove(sha256: string, isNamed: () => Promise<boolean>): Promise<boolean> {
    return this.#accepted.run("remove a blob", async () => {
      checkBlobHash(sha256);
      return await this.#holds.remove(sha256, isNamed);
    });
  }

  async *list(): AsyncGenerator<ListedBlob> {
    const blobs = await this.#accepted.run(
      "list the blobs",
      () => Promise.resolve([...this.#blobs]),
    );
    for (const [sha256, { bytes, writtenAt }] of blobs) yield { sha256, bytes, writtenAt };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(
      new SnakedenError("shutting_down", "Cannot read a blob: the store is closed"),
    );
    return this.#accepted.close(() => Promise.resolve(this.#blobs.clear()));
  }

  /** A blob has one length: another one in a reference is that of no blob. */
  #find({ sha256, bytes }: BlobRef): StoredBlob | undefined {
    const blob = this.#blobs.get(sha256);
    return blob?.bytes === bytes ? blob : undefined;
  }

  #finish(draft: Draft): Promise<HeldBlob> {
    const { sha256, chunks, bytes } = draft.seal();
    return this.#holds.hold({ sha256, bytes }, () => {
      const blob = { chunks, bytes, writtenAt: Date.now() };
      if (!this.#blobs.has(sha256)) this.#blobs.set(sha256, blob);
      return Promise.resolve();
    });
  }
}

/** A blob that is being written. */
class Draft {
  readonly #hash = createHash("sha256");
  #chunks: Uint8Array<ArrayBuffer>[] | undefined = [];
  bytes = 0;

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#chunks === undefined) throw new Error("it is finished, or was given up");
    const copy = await copyOf(chunk);
    for (let start = 0; start < copy.length; start += SLICE_BYTES) {
      this.#hash.update(copy.subarray(start, start + SLICE_BYTES));
      if (start > 0) await nextTurn();
    }
    this.#chunks.push(copy);
    this.bytes += copy.length;
  }

  seal(): BlobRef & { readonly chunks: Uint8Array<ArrayBuffer>[] } {
    const chunks = this.#chunks;
    if (chunks === undefined) throw new Error("it is finished, or was given up");
    this.drop();
    return { sha256: this.#hash.digest("hex"), bytes: this.bytes, chunks };
  }

  drop(): void {
    this.#chunks = undefined;
  }
}

/** @throws {InvalidInputError} If there is no file at a path. */
async function checkFile(path: string): Promise<void> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (info?.isFile) return;
  const given = info === undefined ? "which is missing" : "which is not a file";
  const message = `given ${JSON.stringify(path)}, ${given}; allowed: the path of a file`;
  throw new InvalidInputError(`Cannot take a file: path: ${message}`, [{ path: "path", message }]);
}

/** Yields copies of a part of a blob. */
function* piecesOf(
  { chunks }: StoredBlob,
  { start, end }: BlobRange,
): Generator<Uint8Array<ArrayBuffer>> {
  let at = 0;
  for (const chunk of chunks) {
    const last = Math.min(end - at, chunk.length);
    for (let from = Math.max(0, start - at); from < last; from += SLICE_BYTES) {
      yield chunk.slice(from, Math.min(from + SLICE_BYTES, last));
    }
    at += chunk.length;
  }
}

function streamOf(
  pieces: Iterator<Uint8Array<ArrayBuffer>>,
  signal: AbortSignal,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    pull: (controller) => {
      signal.throwIfAborted();
      const { done, value } = pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}
