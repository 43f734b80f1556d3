/** Tests which tool a call runs if several have its name: the table of docs/tools.md, "Names". */
import assert from "node:assert/strict";
import { defineTool } from "../../mod.ts";
import { startDen } from "../fixtures/host.ts";

const SESSION = { sessionId: "s1" };

/** Returns the place of a tool: what it answered, and whether it runs in Python. */
function placeOf(answer: unknown): string {
  return typeof answer === "string" ? answer : "a worker";
}

Deno.test("of tools of one name, that of the session goes first, and host tools before pools", async () => {
  const pool = { adapter: "registers:Registers", size: 1 };
  await using den = await startDen(pool);
  await den.sessions.open("s1");
  await den.execute("register", { name: "f", session: false });
  await den.execute("register", { name: "f", session: true }, SESSION);
  const ofAll = den.tools.register(defineTool({ name: "f", exposeHttp: true, run: () => "host" }));
  const ofSession = den.tools.register(
    defineTool({ name: "f", run: () => "host, session" }),
    SESSION,
  );

  const run = async (options = {}): Promise<string> => placeOf(await den.execute("f", {}, options));
  const found = (options = {}, poolName?: string): unknown[] => {
    const info = den.tools.find("f", poolName, options);
    return [info?.runsIn, info?.sessionId];
  };
  assert.deepEqual([await run(SESSION), await run()], ["host, session", "host"]);
  assert.deepEqual([found(SESSION), found()], [["host", "s1"], ["host", undefined]]);
  ofSession.unregister();
  assert.deepEqual([await run(SESSION), found(SESSION)], ["host", ["host", undefined]]);

  // A call that names a pool runs no host tool.
  const inPool = { pool: "default" };
  assert.equal(await run(inPool), "a worker");
  assert.deepEqual(found(SESSION, "default"), ["worker", "s1"]);
  assert.deepEqual(found({}, "default"), ["worker", undefined]);
  ofAll.unregister();
  assert.deepEqual([await run(SESSION), await run()], ["a worker", "a worker"]);
  assert.deepEqual([found(SESSION), found()], [["worker", "s1"], ["worker", undefined]]);

  await den.execute("unregister", { name: "f", session: true }, SESSION);
  assert.deepEqual(found(SESSION), ["worker", undefined], "the one for all callers is left");
  await den.execute("unregister", { name: "f", session: false });
  await assert.rejects(den.execute("f", {}, SESSION), { code: "unknown_tool" });

  // A host tool may have the name of one of the adapter, but no registered tool may.
  using _pid = den.tools.register(defineTool({ name: "pid", run: () => "host" }));
  assert.equal(await den.execute("pid"), "host");
  assert.equal(typeof await den.execute("pid", {}, inPool), "number");
  const refused = await den.execute<{ code: string }>("error_of", {
    step: "register",
    name: "pid",
  });
  assert.equal(refused.code, "tool_exists");
});
