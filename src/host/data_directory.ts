import { messageOf, SnakedenError } from "../errors.ts";
import { HOST_ENV, isExposed, ownUid } from "../process/mod.ts";

/**
 * Creates the data directory for our user alone, and checks that it can be written. An existing one
 * keeps its mode.
 *
 * @returns A text that says who else may change its contents; undefined if nobody may.
 * @throws {SnakedenError} `startup_failed` if it cannot be written.
 */
export async function openDataDirectory(dataDir: string): Promise<string | undefined> {
  try {
    await Deno.mkdir(dataDir, { recursive: true, mode: 0o700 });
    return riskOf(dataDir, await Deno.stat(dataDir), await ownUid(dataDir));
  } catch (error) {
    const reason = error instanceof Deno.errors.NotCapable
      ? `it lacks the permission; deno task serve grants the folder in ${HOST_ENV.dataDir}`
      : messageOf(error);
    throw new SnakedenError(
      "startup_failed",
      `Cannot write into the data directory ${dataDir}: ${reason}; ` +
        `choose another by dataDir or ${HOST_ENV.dataDir}`,
      { cause: error },
    );
  }
}

function riskOf(dataDir: string, info: Deno.FileInfo, uid: number | null): string | undefined {
  if (info.uid !== uid && info.uid !== 0) {
    return `${dataDir} belongs to another user (uid ${info.uid}), who can make this user run ` +
      "anything";
  }
  if (!isExposed(info)) return undefined;
  const mode = ((info.mode ?? 0) & 0o7777).toString(8).padStart(4, "0");
  return `others may write into ${dataDir} (mode ${mode}), and can make this user run anything; ` +
    `run chmod go-w ${dataDir}`;
}
