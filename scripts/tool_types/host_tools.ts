import type { Config } from "../../src/config/mod.ts";
import { HostTool, type ToolInfo } from "../../src/tools/mod.ts";

/**
 * Describes the tools in `hostTools` of a configuration, as `den.tools.list()` does.
 *
 * @throws {SnakedenError} `invalid_tool` for a tool that a host would refuse.
 */
export function hostToolsOf({ hostTools }: Pick<Config, "hostTools">): ToolInfo[] {
  return hostTools.map((tool) => HostTool.of(tool).info(undefined));
}
