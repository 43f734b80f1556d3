import { fileURLToPath } from "node:url";
import { messageOf } from "../errors.ts";
import { isGranted } from "../granted.ts";
import { getLogger } from "../log.ts";
import { canStartThread } from "../process/mod.ts";
import type { HashAnswer, HashRequest } from "./hash_worker.ts";

/** The bytes that the thread hashes in one go, about 2 ms: files take turns. */
const STEP_BYTES = 4 * 1024 * 1024;
/** The time after which a thread without work is ended, and its memory released. */
const IDLE_MS = 10_000;

const THREAD = new URL("./hash_worker.ts", import.meta.url);

type Answer = Extract<HashAnswer, { readonly bytes: number }>;

/**
 * A thread that hashes files while they are being written, and others that are large. It reads them
 * itself, from the memory in which the system still has them, so that their bytes do not travel
 * between threads. It is started for the first file, and ends {@link IDLE_MS} after the last one.
 */
export class HashThread implements Disposable {
  readonly #thread: URL;
  readonly #asked: PromiseWithResolvers<Answer>[] = [];
  #worker: Worker | undefined;
  /** True once a thread has answered, so that others will start, too. */
  #hasAnswered = false;
  /** The reason why no thread can be started, as in a bundle. */
  #missing: Error | undefined;
  #isClosed = false;
  #lastId = 0;
  #open = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;

  /** @param thread The program of the thread, which tests replace. */
  constructor(thread: URL = THREAD) {
    this.#thread = thread;
  }

  /** Begins with a file, which may still grow. Never throws: {@link FileHash.digest} does. */
  follow(path: string): FileHash {
    clearTimeout(this.#idle);
    this.#open++;
    const id = ++this.#lastId;
    return new FileHash({
      path,
      ask: (work) => this.#ask({ id, work }),
      close: () => {
        if (this.#worker !== undefined) {
          this.#ask({ id, work: { kind: "forget" } }).catch(() => {});
        }
        if (--this.#open > 0 || this.#worker === undefined) return;
        this.#idle = setTimeout(() => this.#end(new Error("the thread is idle")), IDLE_MS);
        Deno.unrefTimer(this.#idle);
      },
    });
  }

  /** Ends the thread. The digests of files that are not hashed by then fail. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#end(new Error("the store is closed"));
  }

  #ask(request: HashRequest): Promise<Answer> {
    const answer = Promise.withResolvers<Answer>();
    try {
      const worker = this.#worker ??= this.#start();
      worker.postMessage(request);
      this.#asked.push(answer);
    } catch (error) {
      answer.reject(error);
    }
    return answer.promise;
  }

  #start(): Worker {
    if (this.#isClosed) throw new Error("the store is closed");
    if (this.#missing !== undefined) throw this.#missing;
    const path = this.#thread.protocol === "file:" ? fileURLToPath(this.#thread) : undefined;
    if (path !== undefined && !isGranted({ name: "read", path })) {
      throw new Error(`the permission to read ${path} is missing`);
    }
    if (!canStartThread()) throw new Error("too many files are open to start a thread");
    // With all permissions of the host: Deno ends a program that gives a thread fewer, if it lacks
    // the unstable option "worker-options".
    const worker = new Worker(this.#thread, { type: "module", name: "hash" });
    worker.onmessage = ({ data }: MessageEvent<HashAnswer>) => {
      // An answer of a thread that has ended must not settle what its successor was asked.
      if (this.#worker !== worker) return;
      this.#hasAnswered = true;
      const asked = this.#asked.shift();
      if ("error" in data) asked?.reject(new Error(data.error));
      else asked?.resolve(data);
    };
    worker.onerror = (event) => {
      // Unhandled, the error would end the host.
      event.preventDefault();
      if (this.#worker === worker) this.#break(event.message);
    };
    return worker;
  }

  #break(reason: string): void {
    const error = new Error(`the thread that hashes broke: ${reason}`);
    if (!this.#hasAnswered) {
      this.#missing = error;
      getLogger("store").warn("large files are hashed without a separate thread: {reason}", {
        reason,
      });
    }
    this.#end(error);
  }

  #end(reason: Error): void {
    clearTimeout(this.#idle);
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const { reject } of this.#asked.splice(0)) reject(reason);
  }
}

/** The parts of a {@link FileHash}. */
interface FileHashParts {
  readonly path: string;
  readonly ask: (work: HashRequest["work"]) => Promise<Answer>;
  readonly close: () => void;
}

/** The hash of one file by a {@link HashThread}, until it is disposed of. */
export class FileHash implements Disposable {
  readonly #parts: FileHashParts;
  #bytes = 0;
  #target = 0;
  #work: Promise<void> | undefined;
  #failure: Error | undefined;
  #isOpen = true;

  constructor(parts: FileHashParts) {
    this.#parts = parts;
  }

  /** The bytes that are hashed. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Says that the file has so many bytes. They are hashed soon, in large steps. */
  advance(bytes: number): void {
    this.#target = bytes;
    if (this.#failure !== undefined || this.#work !== undefined) return;
    if (bytes - this.#bytes < STEP_BYTES) return;
    this.#work = this.#hash(STEP_BYTES).catch((error: unknown) => {
      this.#failure ??= error instanceof Error ? error : new Error(messageOf(error));
    }).finally(() => this.#work = undefined);
  }

  /**
   * Returns the SHA-256 of a file of so many bytes, as hexadecimal digits.
   *
   * @throws If the file cannot be read, is shorter, or if the thread cannot run.
   */
  async digest(bytes: number): Promise<string> {
    this.#target = bytes;
    await this.#work;
    if (this.#failure !== undefined) throw this.#failure;
    await this.#hash(1);
    const answer = await this.#parts.ask({ kind: "digest" });
    // A thread that was started again has not seen the file.
    if (answer.bytes !== bytes || answer.sha256 === undefined) {
      throw new Error(`only ${answer.bytes} of ${bytes} bytes are hashed`);
    }
    return answer.sha256;
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#parts.close();
  }

  /** Hashes on while at least so many bytes are there. */
  async #hash(atLeast: number): Promise<void> {
    while (this.#isOpen && this.#target - this.#bytes >= atLeast) {
      const upTo = Math.min(this.#target, this.#bytes + STEP_BYTES);
      const { bytes } = await this.#parts.ask({ kind: "hash", path: this.#parts.path, upTo });
      this.#bytes = bytes;
      if (bytes < upTo) throw new Error(`the file ends after ${bytes} of ${this.#target} bytes`);
    }
  }
}
