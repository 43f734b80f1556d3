import { join } from "node:path";
import { messageOf, SnakedenError } from "./errors.ts";

/** Bytes of a socket path that every supported system takes: `sun_path` has 104 on macOS and 108 on Linux, with the end. */
const MAX_SOCKET_PATH_BYTES = 103;
const SOCKET_NAME = "bridge.sock";

/** The directory of one run of the host, 0700, with the socket that workers dial. Gone when disposed. */
export class RunDirectory implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Makes it in the data directory, or in /tmp when the path would be too long for a socket.
   *
   * @throws {SnakedenError} `startup_failed` when neither can be written.
   */
  static async create(dataDir: string, runId: string): Promise<RunDirectory> {
    const preferred = join(dataDir, "run", runId);
    const path = fits(preferred) ? preferred : join("/tmp", `snakeden-${runId}`);
    try {
      await Deno.mkdir(path, { recursive: true, mode: 0o700 });
      // mkdir leaves the mode of a directory that was there already.
      await Deno.chmod(path, 0o700);
    } catch (error) {
      throw new SnakedenError(
        "startup_failed",
        `Cannot make the run directory ${path}: ${messageOf(error)}`,
        { cause: error },
      );
    }
    return new RunDirectory(path);
  }

  get socketPath(): string {
    return join(this.path, SOCKET_NAME);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await Deno.remove(this.path, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

function fits(directory: string): boolean {
  const bytes = new TextEncoder().encode(join(directory, SOCKET_NAME)).byteLength;
  return bytes <= MAX_SOCKET_PATH_BYTES;
}
