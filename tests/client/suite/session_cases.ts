import { equal, failure, holds } from "./checks.ts";
import type { Case } from "./suite.ts";

function newId(): string {
  return `s-${crypto.randomUUID()}`;
}

function paths(error: Record<string, unknown>): string[] {
  return (error.issues as { path: string }[]).map(({ path }) => path);
}

/** Sessions, variables and programs. */
export const SESSION_CASES: readonly Case[] = [
  {
    name: "a session is opened, found, changed, listed and deleted",
    run: async ({ den }) => {
      const id = newId();
      const first = await den.sessions.ensure(id, { ttlMs: 60_000, metadata: { plan: "free" } });
      equal([first.created, first.session.id, first.session.version], [true, id, 1]);
      equal((await den.sessions.ensure(id, { metadata: { plan: "x" } })).created, false);
      const session = await den.sessions.get(id);
      equal([session.ttlMs, session.metadata], [60_000, { plan: "free" }]);
      await session.update({ metadata: { plan: "paid" }, ifVersion: 1 });
      equal([session.version, session.info.metadata], [2, { plan: "paid" }]);
      await session.touch();
      const ids: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await den.sessions.list(cursor === undefined ? {} : { cursor });
        ids.push(...page.items.map((it) => it.id));
        cursor = page.cursor;
      } while (cursor !== undefined);
      holds(ids.includes(id), "in the list");
      await session.delete();
      equal((await failure(() => den.sessions.get(id))).code, "unknown_session");
    },
  },
  {
    name: "a session without an id gets one",
    run: async ({ den }) => {
      const session = await den.sessions.open();
      holds(session.id.length > 10, session.id);
      await den.sessions.delete(session.id);
    },
  },
  {
    name: "an update of another version is a version_conflict with the one that is there",
    run: async ({ den }) => {
      const session = await den.sessions.open(newId());
      const error = await failure(() => session.update({ ttlMs: 5_000, ifVersion: 9 }));
      equal([error.code, error.details], ["version_conflict", { currentVersion: 1 }]);
      equal((await failure(() => session.delete({ ifVersion: 9 }))).code, "version_conflict");
    },
  },
  {
    name: "wrong ids and options of a session are refused by their names",
    run: async ({ den, classes }) => {
      const bad = await failure(() => den.sessions.get("a b"));
      holds(bad instanceof classes.InvalidInputError, String(bad));
      equal(paths(bad), ["id"]);
      equal(paths(await failure(() => den.sessions.open(newId(), { ttlMs: -1 }))), ["ttlMs"]);
      const session = await den.sessions.open(newId());
      equal(paths(await failure(() => session.update({ ifVersion: -1 }))), ["ifVersion"]);
    },
  },
  {
    name: "a variable is set, read, listed and deleted, with type and version",
    run: async ({ den }) => {
      const { variables } = await den.sessions.open(newId());
      const info = await variables.set("t", 0.7, { constraints: { min: 0, max: 2 } });
      equal([info.name, info.type, info.constraints], ["t", "float", { min: 0, max: 2 }]);
      const variable = await variables.get<number>("t");
      equal([variable.value, variable.version], [0.7, info.version]);
      equal((await variables.list()).items.map(({ name, value }) => [name, value]), [["t", 0.7]]);
      await variables.delete("t");
      equal((await failure(() => variables.get("t"))).code, "unknown_variable");
    },
  },
  {
    name: "a variable keeps values of every kind",
    run: async ({ den, classes }) => {
      const { variables } = await den.sessions.open(newId());
      const { NdArray } = classes;
      const values: Record<string, unknown> = {
        big: 2n ** 80n,
        nan: NaN,
        bytes: new Uint8Array([1, 2, 3]),
        floats: new Float32Array([1, 2]),
        grid: new NdArray("<i4", [2, 1], new Int32Array([7, 8])),
        tree: { a: [null, true, "x"] },
        nothing: null,
      };
      for (const [name, value] of Object.entries(values)) await variables.set(name, value);
      const found = await variables.getMany([...Object.keys(values), "absent"]);
      equal(Object.fromEntries([...found].map(([name, it]) => [name, it.value])), values);
    },
  },
  {
    name: "a large array is a variable like any other",
    run: async ({ den, classes }) => {
      const { variables } = await den.sessions.open(newId());
      const data = new Float64Array(50_000).map((_, i) => i / 3);
      const value = new classes.NdArray("<f8", [100, 500], data);
      const info = await variables.set("grid", value, { type: "tensor" });
      equal(info.type, "tensor");
      const back = (await variables.get<typeof value>("grid")).value;
      equal([back.constructor.name, back.dtype, back.shape], ["NdArray", "<f8", [100, 500]]);
      holds(back.data.every((it, i) => it === data[i]), "every element");
      await variables.set("bytes", new Uint8Array(100_000).fill(7));
      equal((await variables.get<Uint8Array>("bytes")).value.byteLength, 100_000);
    },
  },
  {
    name: "compare-and-set: of two writes of one version, one wins",
    run: async ({ den }) => {
      const { variables } = await den.sessions.open(newId());
      const { version } = await variables.set("n", 1, { ifVersion: 0 });
      const again = await failure(() => variables.set("n", 1, { ifVersion: 0 }));
      equal([again.code, again.details], ["version_conflict", { currentVersion: version }]);
      const writes = [2, 3].map((n) => variables.set("n", n, { ifVersion: version }));
      const results = await Promise.allSettled(writes);
      equal(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    },
  },
  {
    name: "a variable refuses what its type and constraints do not allow",
    run: async ({ den, classes }) => {
      const { variables } = await den.sessions.open(newId());
      await variables.set("t", 1.5, { constraints: { max: 2 } });
      const error = await failure(() => variables.set("t", 9));
      holds(error instanceof classes.InvalidInputError, String(error));
      equal(error.code, "invalid_variable");
    },
  },
  {
    name: "setMany() sets each by itself, and names the items that are wrong",
    run: async ({ den }) => {
      const { variables } = await den.sessions.open(newId());
      const results = await variables.setMany([
        { name: "a", value: 1 },
        { name: "b", value: "x", type: "integer" },
      ]);
      equal(results.map(({ name, ok }) => [name, ok]), [["a", true], ["b", false]]);
      const [, second] = results;
      equal(second?.ok === false && second.error.code, "invalid_variable");
      const error = await failure(() => variables.setMany([{ name: "a b", value: 1 }]));
      equal(paths(error), ["[0].name"]);
    },
  },
  {
    name: "changes() has what happened after a position, and what happens next",
    run: async ({ den }) => {
      const { variables } = await den.sessions.open(newId());
      const after = await variables.position();
      await variables.set("a", 1);
      const changes = variables.changes({ after });
      const first = await changes.next();
      equal([first.value?.kind, first.value?.name], ["set", "a"]);
      const next = changes.next();
      await variables.delete("a");
      equal([(await next).value?.kind, (await next).value?.name], ["deleted", "a"]);
      await changes.return?.();
      equal((await changes.next()).done, true);
    },
  },
  {
    name: "changes() ends with the session, with its reader, and with its signal",
    run: async ({ den }) => {
      const session = await den.sessions.open(newId());
      const after = await session.variables.position();
      const changes = session.variables.changes({ after });
      // Over HTTP, the end of the session could otherwise come before the request for its changes.
      await session.variables.set("first", 1);
      equal((await changes.next()).done, false);
      const end = changes.next();
      await session.delete();
      equal((await end).done, true);
      const other = (await den.sessions.open(newId())).variables;
      const controller = new AbortController();
      const reason = new Error("enough");
      const waiting = failure(() => other.changes({ signal: controller.signal }).next());
      controller.abort(reason);
      holds(await waiting as unknown === reason, "the reason");
    },
  },
  {
    name: "changes() of no session, or after no position, are refused",
    run: async ({ den }) => {
      const session = await den.sessions.open(newId());
      const bad = await failure(() => session.variables.changes({ after: "nonsense" }).next());
      equal(bad.code, "invalid_input");
      await session.delete();
      equal((await failure(() => session.variables.changes().next())).code, "unknown_session");
    },
  },
  {
    name: "a program is written, read, run, listed and deleted",
    run: async ({ den }) => {
      const name = `p-${crypto.randomUUID()}`;
      const put = await den.programs.put(name, { tool: "add", args: { a: 1, b: 2n ** 70n } });
      equal([put.created, put.version], [true, 1]);
      equal((await den.programs.get(name)).args, { a: 1, b: 2n ** 70n });
      equal(await den.programs.run<bigint>(name), 2n ** 70n + 1n);
      equal(await den.programs.run<number>(name, { b: 40 }), 41);
      equal((await den.programs.call(name, { b: 1 })).value.decode(), 2);
      const limited = { stallTimeoutMs: 20_000 };
      equal(await den.programs.run<number>(name, { b: 40 }, limited), 41);
      const again = await den.programs.put(name, { tool: "ping", ...limited }, { ifVersion: 1 });
      equal((await den.programs.get(name)).stallTimeoutMs, 20_000);
      equal([again.created, again.version], [false, 2]);
      equal(
        (await failure(() => den.programs.delete(name, { ifVersion: 1 }))).code,
        "version_conflict",
      );
      holds(
        (await den.programs.list({ limit: 1000 })).items.some((it) => it.name === name),
        "listed",
      );
      await den.programs.delete(name);
      equal((await failure(() => den.programs.run(name))).code, "unknown_program");
    },
  },
  {
    name: "a program of a session is run for it",
    run: async ({ den }) => {
      const session = await den.sessions.open(newId());
      await session.programs.put("sum", { tool: "add", args: { a: 1, b: 2 } });
      equal(await session.programs.run("sum"), 3);
      const error = await failure(() => session.programs.run("sum", {}, { sessionId: "other" }));
      equal([error.code, paths(error)], ["invalid_input", ["sessionId"]]);
      equal((await session.programs.list()).items.map(({ name }) => name), ["sum"]);
    },
  },
];
