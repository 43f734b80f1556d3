/** Functions that the tests of blobs share. */
import type { BlobRange, BlobRef, Blobs, HeldBlob, ListedBlob } from "../../../src/store/mod.ts";

/** Makes a directory that is removed at the end of the test. */
export async function tempDir(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "snakeden-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Writes a blob. */
export async function put(blobs: Blobs, bytes: Uint8Array): Promise<HeldBlob> {
  await using writer = await blobs.create();
  await writer.write(bytes);
  return await writer.finish();
}

/** Reads a blob, or a part of it; undefined if it is missing. */
export async function readAll(
  blobs: Blobs,
  ref: BlobRef,
  range?: BlobRange,
): Promise<Uint8Array | undefined> {
  const stream = await blobs.open(ref, range);
  return stream && await new Response(stream).bytes();
}

/** Returns the name that bytes have, by another implementation of the hash. */
export async function refOf(bytes: Uint8Array<ArrayBuffer>): Promise<BlobRef> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return { sha256: hash.toHex(), bytes: bytes.length };
}

/** Lists all blobs. */
export function listOf(blobs: Blobs): Promise<ListedBlob[]> {
  return Array.fromAsync(blobs.list());
}
