import { join } from "node:path";
import { InvalidInputError, messageOf, SnakedenError } from "../errors.ts";
import { getLogger } from "../log.ts";
import {
  AcceptedWork,
  BlobHolds,
  type BlobRange,
  type BlobRef,
  type Blobs,
  type BlobWriter,
  checkBlobHash,
  checkBlobRef,
  type HeldBlob,
  isBlobHash,
  type ListedBlob,
} from "../store/mod.ts";
import { BlobPaths, ignoreMissing, syncFolder } from "./blob_paths.ts";
import { BlobStreams } from "./blob_stream.ts";
import { HashThread } from "./hash_thread.ts";
import { nameOf, PartFile, SLICE_BYTES } from "./part_file.ts";
import { arePermissionsKept, copyReadOnly } from "./read_only_files.ts";

/**
 * Opens the blobs of a directory, and creates it if it is missing. One host may have it at a time.
 *
 * @throws {SnakedenError} `startup_failed` if it cannot be written.
 */
export async function openDirectoryBlobs(root: string): Promise<DirectoryBlobs> {
  const paths = new BlobPaths(root);
  try {
    await paths.prepare();
    return new DirectoryBlobs(paths, { mayLink: await arePermissionsKept(paths.part()) });
  } catch (cause) {
    const text = `Cannot open the blobs in ${root}: ${messageOf(cause)}`;
    throw new SnakedenError("startup_failed", text, { cause });
  }
}

/**
 * Blobs in a directory: `ab/<sha256>` for each, of which `ab` are the first two digits. A blob is
 * written into `incoming`, synced, and renamed, so that no crash leaves a part of one under its
 * name. Damaged ones are moved to `damaged`.
 */
export class DirectoryBlobs implements Blobs {
  readonly #paths: BlobPaths;
  /** False if whoever is given a link could write the blob through it. */
  readonly #mayLink: boolean;
  readonly #accepted = new AcceptedWork();
  readonly #streams = new BlobStreams();
  readonly #parts = new Set<PartFile>();
  readonly #hashes = new HashThread();
  readonly #holds: BlobHolds = new BlobHolds((sha256) => this.#unlink(sha256));

  constructor(paths: BlobPaths, { mayLink }: { readonly mayLink: boolean }) {
    this.#paths = paths;
    this.#mayLink = mayLink;
  }

  create(): Promise<BlobWriter> {
    return this.#accepted.run("begin a blob", async () => {
      const part = await this.#begin();
      return {
        get bytes() {
          return part.bytes;
        },
        write: (chunk) => this.#accepted.run("write a blob", () => part.write(chunk)),
        finish: () => this.#accepted.run("finish a blob", () => this.#finish(part)),
        [Symbol.asyncDispose]: () => this.#drop(part),
      };
    });
  }

  adopt(path: string, { move = false } = {}): Promise<HeldBlob> {
    return this.#accepted.run(`take the file ${path}`, async () => {
      const { nlink } = await checkFile(path, move);
      // The bytes of a file with another name could be changed there.
      const moved = move && nlink === 1 ? await this.#move(path) : undefined;
      if (moved !== undefined) return moved;
      const held = await this.#copy(path);
      if (move) await Deno.remove(path);
      return held;
    });
  }

  open(ref: BlobRef, range?: BlobRange): Promise<ReadableStream<Uint8Array> | undefined> {
    return this.#accepted.run("read a blob", async () => {
      checkBlobRef(ref, range);
      const file = await this.#openFile(ref);
      if (file === undefined) return undefined;
      const { start, end } = range ?? { start: 0, end: ref.bytes };
      try {
        if (start > 0) await file.seek(start, Deno.SeekMode.Start);
      } catch (error) {
        file.close();
        throw error;
      }
      const onDamage = (): Promise<void> => this.#setAside(ref.sha256);
      return this.#streams.read({ file, ref, range: { start, end }, onDamage });
    });
  }

  link(ref: BlobRef, path: string): Promise<boolean> {
    return this.#accepted.run(`write the file ${path}`, async () => {
      checkBlobRef(ref);
      const file = await this.#openFile(ref);
      if (file === undefined) return false;
      file.close();
      const from = this.#paths.of(ref.sha256);
      try {
        await this.#place(from, path);
        return true;
      } catch (error) {
        // It may have gone since.
        if (await statOf(from) === undefined) return false;
        throw error;
      }
    });
  }

  remove(sha256: string, isNamed: () => Promise<boolean>): Promise<boolean> {
    return this.#accepted.run("remove a blob", async () => {
      checkBlobHash(sha256);
      return await this.#holds.remove(sha256, isNamed);
    });
  }

  async *list(): AsyncGenerator<ListedBlob> {
    await this.#accepted.run("list the blobs", () => Promise.resolve());
    for await (const folder of Deno.readDir(this.#paths.root)) {
      if (!/^[0-9a-f]{2}$/.test(folder.name)) continue;
      for await (const { name } of Deno.readDir(join(this.#paths.root, folder.name))) {
        if (!isBlobHash(name)) continue;
        const info = await statOf(this.#paths.of(name));
        if (info === undefined) continue;
        yield { sha256: name, bytes: info.size, writtenAt: info.mtime?.getTime() ?? 0 };
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#streams.close();
    return this.#accepted.close(async () => {
      this.#streams.close();
      using _hashes = this.#hashes;
      for (const part of this.#parts) await part.drop();
    });
  }

  async #place(from: string, path: string): Promise<void> {
    if (!this.#mayLink) return await copyReadOnly(from, path);
    try {
      await Deno.link(from, path);
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) throw error;
      // Another file system, or one without links.
      await copyReadOnly(from, path);
    }
  }

  async #begin(): Promise<PartFile> {
    const part = await PartFile.create(this.#paths.part(), this.#hashes);
    this.#parts.add(part);
    return part;
  }

  async #drop(part: PartFile): Promise<void> {
    this.#parts.delete(part);
    await part.drop();
  }

  async #finish(part: PartFile): Promise<HeldBlob> {
    try {
      const ref = await part.seal();
      return await this.#holds.hold(ref, async () => {
        if (await this.#isThere(ref)) return;
        await part.sync();
        await this.#name(part.path, ref.sha256);
      });
    } finally {
      await this.#drop(part);
    }
  }

  /** Gives a durable file the name of its bytes. */
  async #name(path: string, sha256: string): Promise<void> {
    await this.#paths.makeFolder(sha256);
    await Deno.rename(path, this.#paths.of(sha256));
    try {
      await syncFolder(this.#paths.folderOf(sha256));
    } catch (error) {
      // The name may not be durable: the same bytes must not count as written.
      await this.#unlink(sha256);
      throw error;
    }
  }

  /** Returns true for a blob that is there; sets a damaged one aside. Runs alone with the blob. */
  async #isThere(ref: BlobRef): Promise<boolean> {
    const info = await statOf(this.#paths.of(ref.sha256));
    if (info === undefined) return false;
    if (info.isFile && info.size === ref.bytes) return true;
    await this.#moveAside(ref.sha256, `it has ${info.size} of ${ref.bytes} bytes`);
    return false;
  }

  async #copy(path: string): Promise<HeldBlob> {
    using file = await Deno.open(path);
    const before = await file.stat();
    const part = await this.#begin();
    try {
      const buffer = new Uint8Array(SLICE_BYTES);
      for (let count; (count = await file.read(buffer)) !== null;) {
        await part.write(buffer.subarray(0, count));
      }
      checkSame(before, await file.stat());
      return await this.#finish(part);
    } finally {
      await this.#drop(part);
    }
  }

  /** Takes a file without a copy; undefined if it is on another file system. */
  async #move(path: string): Promise<HeldBlob | undefined> {
    const part = this.#paths.part();
    try {
      await Deno.rename(path, part);
    } catch (error) {
      if (isOtherFileSystem(error)) return undefined;
      throw error;
    }
    try {
      using file = await Deno.open(part, { read: true });
      const before = await file.stat();
      await Deno.chmod(part, 0o444);
      const ref = await nameOf(part, this.#hashes);
      checkSame(before, await file.stat());
      const held = await this.#holds.hold(ref, async () => {
        if (await this.#isThere(ref)) return;
        await file.sync();
        await this.#name(part, ref.sha256);
      });
      await Deno.remove(part).catch(ignoreMissing);
      return held;
    } catch (error) {
      await Deno.rename(part, path).catch(() => {});
      throw error;
    }
  }

  /** Opens the file of a blob; undefined if it is missing or damaged. */
  async #openFile({ sha256, bytes }: BlobRef): Promise<Deno.FsFile | undefined> {
    let file: Deno.FsFile;
    try {
      file = await Deno.open(this.#paths.of(sha256));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
    const info = await file.stat().catch((error) => {
      file.close();
      throw error;
    });
    if (info.isFile && info.size === bytes) return file;
    file.close();
    await this.#setAside(sha256);
    return undefined;
  }

  /** Sets a blob aside whose bytes are not those of its name; one that was healed stays. */
  async #setAside(sha256: string): Promise<void> {
    await this.#holds.alone(sha256, async () => {
      const path = this.#paths.of(sha256);
      const found = await statOf(path);
      if (found === undefined) return;
      const ref = found.isFile ? await nameOf(path, this.#hashes) : undefined;
      if (ref?.sha256 === sha256) return;
      const what = ref === undefined
        ? "it is not a file"
        : `its ${ref.bytes} bytes have another hash`;
      await this.#moveAside(sha256, what);
    });
  }

  async #moveAside(sha256: string, problem: string): Promise<void> {
    const movedTo = join(this.#paths.damaged, `${sha256}-${crypto.randomUUID().slice(0, 8)}`);
    await Deno.rename(this.#paths.of(sha256), movedTo);
    getLogger("store").error("set aside the blob {sha256} as {movedTo}: {problem}", {
      sha256,
      movedTo,
      problem,
    });
  }

  async #unlink(sha256: string): Promise<void> {
    await Deno.remove(this.#paths.of(sha256)).catch(ignoreMissing);
  }
}

async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    ignoreMissing(error);
    return undefined;
  }
}

/** A link could be moved, but what it points to would stay. */
async function checkFile(path: string, move: boolean): Promise<Deno.FileInfo> {
  const info = await (move ? Deno.lstat(path) : Deno.stat(path)).catch(ignoreMissing);
  if (info?.isFile) return info;
  const given = info === undefined ? "which is missing" : "which is not a file";
  const message = `given ${JSON.stringify(path)}, ${given}; allowed: the path of a file`;
  throw new InvalidInputError(`Cannot take a file: path: ${message}`, [{ path: "path", message }]);
}

function checkSame(before: Deno.FileInfo, after: Deno.FileInfo): void {
  const isSame = before.size === after.size && before.mtime?.getTime() === after.mtime?.getTime();
  if (!isSame) throw new Error("it was changed while it was read");
}

function isOtherFileSystem(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "EXDEV";
}
