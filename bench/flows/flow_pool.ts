import { fileURLToPath } from "node:url";

/** A transport of the link to a worker. */
export type Carrier = "socket" | "grpc";

/** The transports that are measured. The first is the default. */
export const CARRIERS: readonly Carrier[] = ["socket", "grpc"];

/** The pool with the tools of the workloads `tools`, `inputs`, `socket` and `resume`. */
export const FLOW_POOL = {
  name: "default",
  adapter: "flow_tools",
  modulePaths: [fileURLToPath(new URL(".", import.meta.url))],
};
