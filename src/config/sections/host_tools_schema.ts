import { z } from "zod";

/** A tool in TypeScript, as `defineTool()` returns it. Registering it checks its fields. */
export interface AnyHostTool {
  /** The name by which calls name the tool. */
  readonly name: string;
  /** Runs the tool. */
  run(args: never, call: never): unknown;
}

/** The key `hostTools`: the global host tools. */
export const hostToolsSchema = z.array(
  z.custom<AnyHostTool>((it) => typeof it === "object" && it !== null && !Array.isArray(it)),
).max(10_000).meta({
  description: "Tools in TypeScript, which run in the host: docs/tools.md. Only a " +
    "`snakeden.config.ts` or a program can have them.",
  allowed: "a list of tools of `defineTool()`",
  defaultText: "none",
});
