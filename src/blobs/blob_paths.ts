import { join } from "node:path";

/** The paths of a directory of blobs. */
export class BlobPaths {
  readonly root: string;
  /** Parts of blobs that are written. They mean nothing to the next host. */
  readonly incoming: string;
  /** Damaged blobs. */
  readonly damaged: string;
  /** Folders of blobs that are there. */
  readonly #made = new Set<string>();

  constructor(root: string) {
    this.root = root;
    this.incoming = join(root, "incoming");
    this.damaged = join(root, "damaged");
  }

  /** Creates what is missing, and removes the parts of an earlier host. */
  async prepare(): Promise<void> {
    await Deno.mkdir(this.root, { recursive: true, mode: 0o700 });
    await Deno.remove(this.incoming, { recursive: true }).catch(ignoreMissing);
    for (const path of [this.incoming, this.damaged]) {
      await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    }
    await syncFolder(this.root);
  }

  /** Returns the path of a blob. */
  of(sha256: string): string {
    return join(this.folderOf(sha256), sha256);
  }

  /** Returns the folder of a blob; 256 of them keep each one short. */
  folderOf(sha256: string): string {
    return join(this.root, sha256.slice(0, 2));
  }

  /** Returns a path for a blob that is written. */
  part(): string {
    return join(this.incoming, crypto.randomUUID());
  }

  /** Creates the folder of a blob, durably. */
  async makeFolder(sha256: string): Promise<void> {
    const folder = this.folderOf(sha256);
    if (this.#made.has(folder)) return;
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    await syncFolder(this.root);
    this.#made.add(folder);
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  using folder = await Deno.open(path);
  await folder.sync();
}

/** Ignores that a file is missing, throws all other errors. */
export function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
