/**
 * The program of the thread of {@link HashThread}: hashes files, each from its first byte and as
 * far as it is told to, so that the event loop of the host does not have to.
 */
import { createHash, type Hash } from "node:crypto";
import { messageOf } from "../errors.ts";

/** A request to the thread, which answers them in their order. */
export interface HashRequest {
  /** The number of the file. */
  readonly id: number;
  /** To hash on, up to so many bytes of the file; to give the hash and forget it; to forget it. */
  readonly work:
    | { readonly kind: "hash"; readonly path: string; readonly upTo: number }
    | { readonly kind: "digest" }
    | { readonly kind: "forget" };
}

/** An answer of the thread: the bytes that are hashed, with the hash after `digest`. */
export type HashAnswer =
  | { readonly bytes: number; readonly sha256?: string }
  | { readonly error: string };

/** A file whose first bytes are hashed. */
interface Hashed {
  readonly file: Deno.FsFile;
  readonly hash: Hash;
  bytes: number;
}

/** Small enough for the cache of a core. */
const buffer = new Uint8Array(64 * 1024);
const files = new Map<number, Hashed>();

function answer({ id, work }: HashRequest): HashAnswer {
  try {
    if (work.kind === "hash") return { bytes: hashOn(open(id, work.path), work.upTo) };
    const { bytes, hash } = forget(id) ?? { bytes: 0 };
    return work.kind === "forget" ? { bytes } : { bytes, sha256: digestOf(hash) };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

function open(id: number, path: string): Hashed {
  const known = files.get(id);
  if (known !== undefined) return known;
  const opened: Hashed = { file: Deno.openSync(path), hash: createHash("sha256"), bytes: 0 };
  files.set(id, opened);
  return opened;
}

function hashOn(it: Hashed, upTo: number): number {
  while (it.bytes < upTo) {
    const count = it.file.readSync(buffer.subarray(0, Math.min(buffer.length, upTo - it.bytes)));
    if (count === null) break;
    it.hash.update(buffer.subarray(0, count));
    it.bytes += count;
  }
  return it.bytes;
}

function forget(id: number): Hashed | undefined {
  const it = files.get(id);
  files.delete(id);
  it?.file.close();
  return it;
}

function digestOf(hash: Hash | undefined): string {
  return (hash ?? createHash("sha256")).digest("hex");
}

if (import.meta.main) {
  const scope = globalThis as unknown as {
    onmessage: (event: MessageEvent<HashRequest>) => void;
    postMessage(answer: HashAnswer): void;
  };
  scope.onmessage = ({ data }) => scope.postMessage(answer(data));
}
