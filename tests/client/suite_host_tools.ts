/** The host tools that the suite calls. */
import { z } from "zod";
import { defineTool } from "../../mod.ts";
import type { SnakedenOptions } from "../../mod.ts";

/** For tools in Python alone, for HTTP alone, and one that streams. */
export const HOST_TOOLS_OF_SUITE: NonNullable<SnakedenOptions["hostTools"]> = [
  defineTool({
    name: "triple",
    input: z.object({ n: z.int() }),
    output: z.int(),
    expose: "all",
    run: ({ n }) => 3 * n,
  }),
  defineTool({
    name: "only_http",
    description: "Answers callers of the host.",
    input: z.object({ n: z.int() }),
    exposeHttp: true,
    metadata: { group: "suite" },
    run: ({ n }, call) => {
      call.progress({ fraction: 0.5 });
      return { n, bytes: new Uint8Array([1, 2]) };
    },
  }),
  defineTool({
    name: "steps",
    exposeHttp: true,
    async *run(): AsyncGenerator<number> {
      yield 1;
      yield await Promise.resolve(2);
    },
  }),
  // Of the name of a tool in the pool.
  defineTool({ name: "ping", exposeHttp: true, run: () => "pong of the host" }),
  defineTool({ name: "fine", run: () => "of the host" }),
];
