import { z } from "zod";
import { list, oneOf } from "../../schema_parts.ts";

const MODULE_NAME = /^[\p{L}_][\p{L}\p{N}_]*(\.[\p{L}_][\p{L}\p{N}_]*)*$/u;

/** The keys of a pool that say how its workers are started. */
export const launcherKeys = {
  launcher: oneOf(["spawn", "prefork"], {
    description: "How a worker is started: `spawn` starts a fresh interpreter, `prefork` forks " +
      "one that has imported what the workers need. Where it cannot, it spawns, and says so.",
  }).default("spawn"),
  preload: list({
    description: "Modules that are imported once, for all workers. Only with the launcher " +
      "`prefork`.",
  }, z.string().regex(MODULE_NAME).meta({ allowed: "the name of a module, such as `numpy`" }))
    .max(256).default([]),
  isolate: oneOf(["none", "call"], {
    description: "`call` runs each call in a fresh fork, which ends after its answer; one more " +
      "is ready for each worker. Only with the launcher `prefork` and the profile `process`.",
  }).default("none"),
} as const;
