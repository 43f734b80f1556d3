/** The program of the thread that reads jobs, so that no question ever holds up a claim. */
import { messageOf } from "../../errors.ts";
import { Reader } from "../reader/mod.ts";
import type { Batch, Opened, ReadOps } from "../messages/mod.ts";
import { openToRead } from "../schema/mod.ts";
import type { WorkerPort } from "./worker_port.ts";

/** The first message to the thread. */
export interface ReadStart {
  readonly path: string;
}

const port = globalThis as unknown as WorkerPort;

port.onmessage = ({ data }) => {
  try {
    const database = openToRead((data as ReadStart).path);
    const reader = new Reader(database);
    port.onmessage = ({ data }) => {
      if (data === null) {
        database.close();
        port.postMessage(null);
        return;
      }
      port.postMessage(reader.run(data as Batch<ReadOps>));
    };
    const opened: Opened = { opened: true, storedTime: 0, warnings: [] };
    port.postMessage(opened);
  } catch (error) {
    const failed: Opened = { opened: false, error: messageOf(error), isDamaged: false };
    port.postMessage(failed);
  }
};
