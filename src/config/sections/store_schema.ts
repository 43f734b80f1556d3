import { group, whole } from "../schema_parts.ts";

/** The section `store`: the durability of stored state. */
export const storeSchema = group({
  commitWindowMs: whole(0, 1_000, {
    description: "Time for which changes are gathered into one durable write.",
  }).default(2),
}, "Storage in the data directory.");
