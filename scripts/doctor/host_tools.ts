import type { Config } from "../../src/config/mod.ts";
import { HostTools } from "../../src/tools/mod.ts";
import { type Finding, findingOf } from "./finding.ts";

/** Checks the host tools of a configuration, as a start does; returns nothing without any. */
export async function hostToolsFindings(
  { hostTools, pools }: Pick<Config, "hostTools" | "pools">,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (hostTools.length === 0) return findings;
  const tools = new HostTools({
    pools: () => pools.map(({ name }) => name),
    isOpen: () => Promise.resolve(false),
  });
  await findingOf(findings, "host tools", () => {
    const { names } = tools.register(hostTools);
    return Promise.resolve({ value: null, text: names.join(", ") });
  });
  const unreachable = tools.list(undefined, () => true)
    .map(({ tool }) => tool.info(undefined))
    .filter(({ expose = [], exposeHttp }) => expose.length === 0 && exposeHttp !== true);
  if (unreachable.length > 0) {
    findings.push({
      name: "exposed tools",
      state: "warning",
      text: `only other host tools can call ${unreachable.map(({ name }) => name).join(", ")}`,
      mend: 'give it expose: ["POOL"] for tools in Python, or exposeHttp: true for clients',
    });
  }
  return findings;
}
