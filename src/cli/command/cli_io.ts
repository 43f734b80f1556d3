import { createFile, type NewFile, type OpenFile, openFile } from "./files.ts";

/** A stream to which the program writes. */
export interface CliSink {
  write(bytes: Uint8Array): Promise<number>;
  isTerminal(): boolean;
}

/** The parts of the system that the program uses, and that tests replace. */
export interface CliIo {
  readonly stdin: { readonly readable: ReadableStream<Uint8Array>; isTerminal(): boolean };
  readonly stdout: CliSink;
  readonly stderr: CliSink;
  /** Returns the columns of the terminal; 0 if they are unknown. */
  columns(): number;
  /** Returns its rows; 0 if they are unknown. */
  rows(): number;
  env(name: string): string | undefined;
  readFile(path: string): Promise<Uint8Array>;
  /** Opens a file to be read as it comes. */
  openFile(path: string): Promise<OpenFile>;
  /** Creates a file for a result. */
  createFile(path: string): Promise<NewFile>;
  now(): number;
  /** Calls `listener` at each Ctrl-C or SIGTERM; returns a function that ends that. */
  onInterrupt(listener: () => void): () => void;
}

/** Returns the system of this process. */
export function systemIo(): CliIo {
  return {
    stdin: Deno.stdin,
    stdout: Deno.stdout,
    stderr: Deno.stderr,
    columns: () => terminalSize().columns,
    rows: () => terminalSize().rows,
    env: (name) => Deno.env.get(name),
    readFile: (path) => Deno.readFile(path),
    openFile,
    createFile,
    now: Date.now,
    onInterrupt: (listener) => {
      const signals = ["SIGINT", "SIGTERM"] as const;
      for (const signal of signals) Deno.addSignalListener(signal, listener);
      return () => {
        for (const signal of signals) Deno.removeSignalListener(signal, listener);
      };
    },
  };
}

function terminalSize(): { readonly columns: number; readonly rows: number } {
  try {
    return Deno.consoleSize();
  } catch {
    // There is no terminal.
    return { columns: 0, rows: 0 };
  }
}
