import { AcceptedWork } from "./accepted_work.ts";
import { type Blobs, checkBlob } from "./blobs.ts";
import { KeyedQueue } from "./keyed_queue.ts";
import type { Store } from "./store.ts";

/** The number of bytes copied in one turn of the event loop. */
const SLICE_BYTES = 4 * 1024 * 1024;

/**
 * Returns a store that lives as long as its host. It keeps no process rows, since no later host
 * could read them. Processes that such a host leaves behind are found by the mark in their
 * environment.
 */
export function memoryStore(): Store {
  const accepted = new AcceptedWork();
  return {
    processes: {
      record: () => accepted.run("record a process", () => Promise.resolve()),
      forget: () => accepted.run("forget processes", () => Promise.resolve()),
    },
    blobs: memoryBlobs(accepted),
    deadProcesses: [],
    report: () =>
      accepted.run(
        "describe the store",
        () => Promise.resolve({ state: "in memory", setAside: [] }),
      ),
    [Symbol.asyncDispose]: () => accepted.close(() => Promise.resolve()),
  };
}

function memoryBlobs(accepted: AcceptedWork): Blobs {
  const values = new Map<string, Uint8Array<ArrayBuffer>>();
  const writes = new KeyedQueue();
  return {
    put: (id, value) =>
      accepted.run("write a blob", async () => {
        checkBlob(id, value);
        await writes.run(id, async () => void values.set(id, await copyOf(value)));
      }),
    get: (id) =>
      accepted.run("read a blob", async () => {
        checkBlob(id);
        const value = values.get(id);
        return value && await copyOf(value);
      }),
    delete: (id) =>
      accepted.run("delete a blob", async () => {
        checkBlob(id);
        await writes.run(id, () => Promise.resolve(void values.delete(id)));
      }),
  };
}

/** Copies a value in slices, with turns of the event loop in between. */
async function copyOf(value: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const copy = new Uint8Array(value.byteLength);
  for (let start = 0; start < value.byteLength; start += SLICE_BYTES) {
    if (start > 0) await new Promise<void>((resolve) => setTimeout(resolve));
    copy.set(value.subarray(start, start + SLICE_BYTES), start);
  }
  return copy;
}
