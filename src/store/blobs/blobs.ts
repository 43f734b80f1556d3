import { InvalidInputError } from "../../errors.ts";

/** The name of a blob: the hash of its bytes, and their number. */
export interface BlobRef {
  /** The SHA-256 of the bytes: 64 hexadecimal digits, lower case. */
  readonly sha256: string;
  readonly bytes: number;
}

/** The first byte of a part of a blob, and the one behind its last: `start <= end <= bytes`. */
export interface BlobRange {
  readonly start: number;
  readonly end: number;
}

/**
 * A blob that cannot be removed until it is disposed of. Whoever writes a blob holds it until its
 * name is stored; a blob that is neither held nor named may go at any time. Disposing twice has the
 * effect of once.
 */
export interface HeldBlob extends BlobRef, Disposable {}

/**
 * A blob that is being written. One write at a time: the caller awaits each, which is the
 * back-pressure, and does not change the chunk until then. Disposing of a writer that was not
 * finished leaves nothing.
 */
export interface BlobWriter extends AsyncDisposable {
  /** Appends bytes. After an error, the writer can only be disposed of. */
  write(chunk: Uint8Array): Promise<void>;
  /** The bytes so far. */
  readonly bytes: number;
  /** Makes the blob durable, and returns it. No write may follow. */
  finish(): Promise<HeldBlob>;
}

/** A blob in a list. */
export interface ListedBlob extends BlobRef {
  /** The time at which it was written, in milliseconds since 1970, by the clock of the system. */
  readonly writtenAt: number;
}

/** Options of {@link Blobs.adopt}. */
export interface AdoptOptions {
  /**
   * Takes the file away from its path, without a copy if its file system is that of the blobs.
   * Nobody may have it open for writing. By default the file stays where it is.
   */
  readonly move?: boolean;
}

/**
 * Values of any length, named by the hash of their bytes, so that equal bytes are kept once. A blob
 * never changes. The comments here state everything that a host relies on and that a driver must
 * do; tests/store/blobs/conformance.ts tests every driver against them. The rules of {@link Store}
 * about durability, concurrency, failures and closing apply here too.
 *
 * **Names.** Blobs know nothing of what names them: the names are rows of the store of jobs, and
 * are written in the transaction of what names them. A blob is written first and named then; while
 * it has no name, its {@link HeldBlob} keeps it. A name goes first and the blob after it, by
 * {@link Blobs.remove}. So a crash leaves at most a blob without a name, which a scan finds with
 * {@link Blobs.list}, and never a name without a blob.
 *
 * **Crashes.** A blob is there as a whole or not at all: a crash in the middle of a write leaves
 * nothing that can be seen after the next opening.
 *
 * **Damage.** A blob whose length is not the one that was written counts as missing, and is set
 * aside: it is moved away, and logged as an error in the category `store` that begins with "set
 * aside". The bytes of a blob of up to 16 MiB are hashed while it is read as a whole: if the hash
 * is not the name, the stream fails before its last bytes, and the blob is set aside. A longer one,
 * a part, or a file of {@link Blobs.link} is not hashed: whoever needs that compares the hash.
 * Equal bytes that are written after a blob was set aside take its place.
 *
 * **Memory.** No operation needs memory for more than a few chunks, however long a blob is, unless
 * the driver keeps all blobs in memory.
 *
 * **Closing.** Streams that are still read fail with `shutting_down`, and what unfinished writers
 * have written is removed.
 */
export interface Blobs extends AsyncDisposable {
  /** Begins a blob. */
  create(): Promise<BlobWriter>;
  /**
   * Makes a blob of a file of this machine.
   *
   * @throws {InvalidInputError} If there is no file at the path.
   * @throws {SnakedenError} `store_failed` if it is changed meanwhile.
   */
  adopt(path: string, options?: AdoptOptions): Promise<HeldBlob>;
  /**
   * Reads a blob, or a part of it; undefined if it is missing or damaged. A blob that is removed
   * meanwhile is read to its end. The caller reads the stream to its end, or cancels it.
   *
   * @throws {InvalidInputError} For a range that is not in the blob, or a hash that is none.
   */
  open(ref: BlobRef, range?: BlobRange): Promise<ReadableStream<Uint8Array> | undefined>;
  /**
   * Puts a blob at a path of this machine at which nothing is, as a file that is only to be read: a
   * link to the same bytes, or a copy. It is a copy where the link could be written, as root may
   * do: nothing that is done with the file changes the blob. Returns false if it is missing or
   * damaged. The file stays when the blob is removed.
   */
  link(ref: BlobRef, path: string): Promise<boolean>;
  /**
   * Removes a blob that nobody holds and for which `isNamed` returns false. Returns true if there
   * is no such blob any more. While it asks and removes, nobody else can take a hold on the blob:
   * the same bytes, written meanwhile, are there afterwards. A blob that is held is removed when
   * its last hold ends, if `isNamed` returns false then.
   */
  remove(sha256: string, isNamed: () => Promise<boolean>): Promise<boolean>;
  /** Lists the blobs, in no order. Those that come or go meanwhile may be missing. */
  list(): AsyncIterable<ListedBlob>;
}

const SHA256 = /^[0-9a-f]{64}$/;

/** Returns true for the hash of a blob. */
export function isBlobHash(sha256: string): boolean {
  return SHA256.test(sha256);
}

/**
 * Refuses references and ranges that the contract does not allow. Every driver calls it first.
 *
 * @throws {InvalidInputError} Naming the field.
 */
export function checkBlobRef({ sha256, bytes }: BlobRef, range?: BlobRange): void {
  checkBlobHash(sha256);
  if (!Number.isSafeInteger(bytes) || bytes < 0) {
    throw refused("bytes", `given ${bytes}; allowed: a whole number from 0`);
  }
  if (range === undefined) return;
  const { start, end } = range;
  const isIn = Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start &&
    start <= end && end <= bytes;
  if (!isIn) throw refused("range", `given ${start} to ${end}; allowed: from 0 to ${bytes}`);
}

/** @throws {InvalidInputError} For a text that is not the hash of a blob. */
export function checkBlobHash(sha256: string): void {
  if (isBlobHash(sha256)) return;
  const given = JSON.stringify(sha256.slice(0, 80));
  throw refused("sha256", `given ${given}; allowed: 64 hexadecimal digits, lower case`);
}

function refused(path: string, message: string): InvalidInputError {
  return new InvalidInputError(`Cannot use a blob: ${path}: ${message}`, [{ path, message }]);
}
