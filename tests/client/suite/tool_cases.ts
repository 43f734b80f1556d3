import { all, equal, failure, holds } from "./checks.ts";
import type { Case } from "./suite.ts";

/** Host tools, tools that workers register, and progress. */
export const TOOL_CASES: readonly Case[] = [
  {
    name: "a host tool is listed, found and called; its chunks and its progress arrive",
    run: async ({ den }) => {
      const tool = await den.tools.find("only_http");
      equal([tool?.runsIn, tool?.pool, tool?.metadata], ["host", undefined, { group: "suite" }]);
      const reports: unknown[] = [];
      const onProgress = (report: unknown): number => reports.push(report);
      const result = { n: 1, bytes: new Uint8Array([1, 2]) };
      equal(await den.execute("only_http", { n: 1 }), result);
      equal(await den.execute("only_http", { n: 1 }, { onProgress }), result);
      equal(reports, [{ fraction: 0.5 }]);
      equal(await den.execute("steps"), [1, 2]);
      equal(await all(den.stream("steps")), [1, 2]);
      equal(await all(den.stream("only_http", { n: 1 }, { onProgress })), [result]);
      equal(reports.length, 2);
    },
  },
  {
    name: "wrong arguments of a host tool are an InvalidInputError that names each",
    run: async ({ den, classes }) => {
      const error = await failure(() => den.execute("only_http", { n: "x" }));
      holds(error instanceof classes.InvalidInputError, String(error));
      equal(error.code, "invalid_arguments");
    },
  },
  {
    name: "a call without a pool runs the host tool of a name, and find() says so",
    run: async ({ den }) => {
      equal(await den.execute("ping"), "pong of the host");
      equal((await den.tools.find("ping"))?.runsIn, "host");
      equal(await den.execute("ping", {}, { pool: "default" }), "pong");
      equal((await den.tools.find("ping", "default"))?.runsIn, "worker");
      const named = (await den.tools.list()).filter(({ name }) => name === "ping");
      equal(named.map(({ runsIn }) => runsIn), ["worker", "host"]);
    },
  },
  {
    name: "a tool in Python calls the host tools that are exposed to it, and no others",
    run: async ({ den }) => {
      equal(await den.execute("asks_host", { n: 2 }), 6);
      equal(await den.execute("asks_hidden"), "unknown_tool");
    },
  },
  {
    name: "a tool that a worker registers for a session is seen and called there alone",
    run: async ({ den }) => {
      const { id } = await den.sessions.open(`tools-${crypto.randomUUID()}`);
      const sessionId = id;
      equal(await den.execute("registers", { name: "doubles" }, { sessionId }), "doubles");
      const names = async (options?: { readonly sessionId: string }): Promise<string[]> =>
        (await den.tools.list(options)).map(({ name }) => name);
      holds((await names({ sessionId })).includes("doubles"), "listed in the session");
      holds(!(await names()).includes("doubles"), "not listed elsewhere");
      const tool = await den.tools.find("doubles", undefined, { sessionId });
      equal([tool?.pool, tool?.sessionId], ["default", sessionId]);
      equal(await den.tools.find("doubles"), undefined);
      equal(await den.execute("doubles", { x: 4 }, { sessionId }), 8);
      equal(await all(den.stream("doubles", { x: 4 }, { sessionId })), [8]);
      equal((await failure(() => den.execute("doubles", { x: 4 }))).code, "unknown_tool");
      await den.sessions.delete(id);
      holds(!(await names({ sessionId })).includes("doubles"), "gone with its session");
    },
  },
  {
    name: "onProgress gets the reports of every kind of call, whose result is the same",
    run: async ({ den }) => {
      const reports: unknown[] = [];
      const onProgress = (report: unknown): number => reports.push(report);
      const run = (tool: string, args: object): Promise<unknown> =>
        den.execute(tool, { ...args }, { onProgress });
      equal(await run("reports_then_yields", { n: 3 }), [0, 1, 2]);
      equal(await run("reports_then_yields", { n: 0 }), []);
      equal(await run("reports_then_returns", { value: "x" }), "x");
      equal(await run("reports_then_returns", { value: null }), null);
      equal(await run("reports_then_returns", { value: [] }), []);
      equal(await all(den.stream("reports_then_yields", { n: 2 }, { onProgress })), [0, 1]);
      equal(reports.length, 6);
      equal(reports[0], { fraction: 0.5, message: "half" });
      const error = await failure(() => run("fails_after", { n: 2 }));
      equal(error.code, "python_exception");
    },
  },
  {
    name: "an error of the listener to progress does not affect the call",
    run: async ({ den }) => {
      const onProgress = (): void => {
        throw new Error("of the listener");
      };
      equal(await den.execute("reports_then_returns", { value: 1 }, { onProgress }), 1);
      equal(await all(den.stream("reports_then_yields", { n: 2 }, { onProgress })), [0, 1]);
    },
  },
];
