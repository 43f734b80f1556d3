import { memoryJobs } from "../../../src/store/mod.ts";
import type { JobDriver } from "./conformance.ts";

/** The driver of src/store/jobs/memory. */
export const MEMORY_DRIVER: JobDriver = {
  name: "memory",
  durable: false,
  place: () => Promise.resolve({ path: "", [Symbol.asyncDispose]: () => Promise.resolve() }),
  open: (_place, { limits, clock }) => Promise.resolve(memoryJobs({ limits, clock })),
};
