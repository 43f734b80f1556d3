/**
 * The program of the thread that writes jobs: runs a batch of operations for each message. It loads
 * single files and not whole folders, since each module lengthens the start.
 */
import { isDamage, problemOfDatabase } from "../../database_file.ts";
import { messageOf } from "../../errors.ts";
import type { JobStoreLimits } from "../../store/mod.ts";
import { Writer } from "../writer/mod.ts";
import type { Batch, Opened, WriteOps } from "../messages/mod.ts";
import { openToWrite, warningsOf } from "../schema/mod.ts";
import type { WorkerPort } from "./worker_port.ts";

/** The first message to the thread. */
export interface WriteStart {
  readonly path: string;
  readonly limits: JobStoreLimits;
}

/** A larger database is checked in part, so that a start takes at most some seconds. */
const CHECKED_BYTES = 512 * 1024 * 1024;

const port = globalThis as unknown as WorkerPort;

port.onmessage = ({ data }) => {
  const { path, limits } = data as WriteStart;
  try {
    const problem = problemOfDatabase(path, CHECKED_BYTES);
    if (problem !== undefined) return refuse(problem, true);
    const database = openToWrite(path);
    const writer = new Writer(database, limits);
    port.onmessage = ({ data }) => {
      if (data === null) {
        database.close();
        port.postMessage(null);
        return;
      }
      port.postMessage(writer.run(data as Batch<WriteOps>));
    };
    const opened: Opened = {
      opened: true,
      storedTime: writer.storedTime,
      warnings: warningsOf(database),
    };
    port.postMessage(opened);
  } catch (error) {
    refuse(messageOf(error), isDamage(error));
  }
};

function refuse(error: string, isDamaged: boolean): void {
  const failed: Opened = { opened: false, error, isDamaged };
  port.postMessage(failed);
}
