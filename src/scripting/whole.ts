/**
 * The module `snakeden` of programs that run as jobs: the names of the library, most of which load
 * it when they are used. A program of one line starts in a fraction of the time that the library
 * takes.
 *
 * @module
 */
import type { ConfigInput, HostToolDefinition, Snakeden as Host } from "../../mod.ts";

export * from "../client/mod.ts";
export * from "./mod.ts";

type Library = typeof import("../../mod.ts");

/** Loads the library. Its name is no literal, since the runtime would load it at the start then. */
function library(): Promise<Library> {
  return import(new URL("../../mod.ts", import.meta.url).href);
}

/** Starts hosts, like the class of the library. */
export const Snakeden: Pick<typeof Host, "start"> = {
  start: async (options) => await (await library()).Snakeden.start(options),
};

/** Runs a function with a host, like that of the library. */
// The type is that of the library, which has a parameter of its own.
// deno-lint-ignore explicit-module-boundary-types
export const runAsScript: Library["runAsScript"] = async (fn, options) =>
  await (await library()).runAsScript(fn, options);

/** Loads a configuration, like the function of the library. */
// deno-lint-ignore explicit-module-boundary-types
export const loadConfig: Library["loadConfig"] = async (options) =>
  await (await library()).loadConfig(options);

/** Returns the configuration, whose type is checked. */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}

/** Returns a host tool, whose type is checked here, and whose values are when it is registered. */
export function defineTool<Tool extends HostToolDefinition>(definition: Tool): Tool {
  return definition;
}
