/** A file to be read once. */
export interface OpenFile extends Disposable {
  readonly readable: ReadableStream<Uint8Array>;
  /** Its length; undefined of a pipe. */
  readonly bytes: number | undefined;
}

/** A file that is written. What is disposed before it was kept leaves no file. */
export interface NewFile extends AsyncDisposable {
  write(bytes: Uint8Array): Promise<number>;
  /** Puts the file in its place. */
  keep(): Promise<void>;
}

/** Opens a file to be read as it comes. */
export async function openFile(path: string): Promise<OpenFile> {
  const file = await Deno.open(path);
  try {
    const { isFile, isDirectory, size } = await file.stat();
    if (isDirectory) throw new Error("Is a directory");
    return {
      readable: file.readable,
      bytes: isFile ? size : undefined,
      [Symbol.dispose]: () => closed(file),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * Creates a file for a result. It is written beside its place and then put there, so that a file
 * in its place is whole. A place that is no file, such as /dev/null, is written as it is.
 */
export async function createFile(path: string): Promise<NewFile> {
  const isOther = await Deno.stat(path).then(({ isFile }) => !isFile, () => false);
  const part = isOther ? path : `${path}.${Deno.pid}.part`;
  const file = await Deno.open(part, { write: true, create: true, truncate: !isOther });
  let isKept = false;
  return {
    write: (bytes) => file.write(bytes),
    keep: async () => {
      if (!isOther) await Deno.rename(part, path);
      isKept = true;
    },
    [Symbol.asyncDispose]: async () => {
      closed(file);
      if (!isKept && !isOther) await Deno.remove(part);
    },
  };
}

/** Closes a file; the end of its stream has closed it, too. */
function closed(file: Deno.FsFile): void {
  try {
    file.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
