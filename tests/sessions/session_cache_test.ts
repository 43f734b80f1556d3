import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/mod.ts";
import { type Session, Sessions } from "../../src/sessions/mod.ts";
import { memoryStore } from "../../src/store/mod.ts";
import { until } from "../fixtures/until.ts";
import { openSessions } from "./opened_sessions.ts";

Deno.test("Sessions: an update that is answered after a removal does not bring the session back", async () => {
  await using it = openSessions();
  const session = await it.sessions.open("s");
  const store = it.store.sessions;
  const { update } = store;
  store.update = async (...args) => {
    const answer = await update.apply(store, args);
    await it.sessions.delete("s");
    return answer;
  };
  await session.update({ metadata: { a: 1 } });
  await assert.rejects(it.sessions.get("s"), { code: "unknown_session" });
});

Deno.test("Sessions.boundIn() has the pool that a session is bound in while it is updated or renewed", async () => {
  await using it = openSessions();
  const session = await it.sessions.open("s");
  const store = it.store.sessions;
  const { update, touch } = store;
  store.update = async (...args) => {
    const answer = await update.apply(store, args);
    await it.sessions.bind("s", "first");
    return answer;
  };
  store.touch = async (ids) => {
    const answer = await touch.call(store, ids);
    await it.sessions.bind("s", "second");
    await it.sessions.get("s");
    return answer;
  };
  await session.update({ metadata: { a: 1 } });
  assert.deepEqual(await it.sessions.boundIn("s"), ["first"]);
  await session.touch();
  assert.deepEqual(await it.sessions.boundIn("s"), ["first", "second"]);
});

Deno.test("Sessions: the later of two updates stays in memory, whichever is answered first", async () => {
  await using it = openSessions();
  const session = await it.sessions.open("s");
  const store = it.store.sessions;
  const { update } = store;
  store.update = async (...args) => {
    store.update = update;
    const answer = await update.apply(store, args);
    await session.update({ metadata: { later: true } });
    return answer;
  };
  await session.update({ metadata: { later: false } });
  assert.deepEqual((await it.sessions.get("s")).metadata, { later: true });
});

Deno.test("Sessions: the answer of a write has the time of the store, as a later host shows it", async () => {
  await using it = openSessions({}, { store: (now) => memoryStore({ now: () => now() + 5 }) });
  const { variables, programs } = await it.sessions.open("s");
  const variable = await variables.set("v", 1);
  const program = await programs.put("p", { tool: "t" });
  assert.equal(variable.updatedAt, "2026-01-01T00:00:00.005Z");
  assert.equal(program.updatedAt, "2026-01-01T00:00:00.005Z");
  const later = await it.again().get("s");
  assert.equal((await later.variables.get("v")).updatedAt, variable.updatedAt);
  assert.equal((await later.programs.get("p")).updatedAt, program.updatedAt);
});

Deno.test("Sessions: a step of the system's clock does not end a session", async () => {
  await using store = memoryStore();
  store.report = () => Promise.resolve({ state: "open", setAside: [] });
  const config = parseConfig({}).sessions;
  const { now } = Date;
  try {
    Date.now = () => now() + 3_600_000;
    await using sessions = new Sessions({ store, config, maxDepth: 9 });
    await sessions.open("s", { ttlMs: 60_000 });
    assert.equal((await sessions.get("s")).id, "s");
  } finally {
    Date.now = now;
  }
});

Deno.test("Sessions: a session that is opened again while others are swept keeps what is its own", async () => {
  await using it = openSessions({ sweepMs: 60_000 });
  for (const id of ["a", "b"]) {
    await it.sessions.open(id, { ttlMs: 1_000 });
    await it.sessions.keepLocal(id);
  }
  const store = it.store.sessions;
  const { sweep } = store;
  const swept = Promise.withResolvers<string>();
  store.sweep = async (limit) => {
    const ids = await sweep.call(store, limit);
    await it.sessions.open("a", { ttlMs: 1e6 });
    swept.resolve(await it.sessions.keepLocal("a"));
    return ids;
  };
  it.clock.advance(60_000);
  const life = await swept.promise;
  await until(() => it.ended.length > 0, "the end of the sweep");
  assert.deepEqual(it.ended, ["b"]);
  assert.equal(it.endedLives.length, 2);
  assert.ok(!it.endedLives.includes(life));
});

Deno.test("Variables of a session never touch the session that has its id by then", async () => {
  await using it = openSessions();
  const old = await it.sessions.open("s");
  await old.variables.set("x", 1);
  const store = it.store.sessions;
  const { setVars, dropVars, getVars } = store;
  const reopen = async (): Promise<void> => {
    Object.assign(store, { setVars, dropVars, getVars });
    if ((await store.read("s"))?.version === 1) await it.sessions.delete("s");
    const { variables } = await it.sessions.open("s");
    await variables.set("x", "other");
  };
  store.setVars = async (...args) => {
    await reopen();
    return await setVars.apply(store, args);
  };
  await assert.rejects(old.variables.set("x", 2), { code: "unknown_session" });
  const second = await it.sessions.get("s");
  store.dropVars = async (...args) => {
    await reopen();
    return await dropVars.apply(store, args);
  };
  await assert.rejects(second.variables.delete("x"), { code: "unknown_session" });
  const third = await it.sessions.get("s");
  store.getVars = async (...args) => {
    await reopen();
    return await getVars.apply(store, args);
  };
  await assert.rejects(third.variables.getMany(["y", "x"]).then(() => third.variables.get("z")), {
    code: /unknown_(session|variable)/,
  });
  assert.equal((await (await it.sessions.get("s")).variables.get("x")).value, "other");
});

Deno.test("Lists and programs of a session never touch the session that has its id by then", async () => {
  await using it = openSessions();
  const store = it.store.sessions;
  const { putProgram, deleteProgram, listPrograms, listVars } = store;
  const real = { putProgram, deleteProgram, listPrograms, listVars };
  const reopen = async (): Promise<void> => {
    Object.assign(store, real);
    await it.sessions.delete("s");
    const { variables, programs } = await it.sessions.open("s");
    await variables.set("other", 1);
    await programs.put("p", { tool: "other" });
  };
  const old = async (): Promise<Session> => {
    const session = await it.sessions.open("s");
    if ((await session.programs.list()).items.length === 0) {
      await session.programs.put("p", { tool: "old" });
    }
    return session;
  };
  const cases: Record<keyof typeof real, (session: Session) => Promise<unknown>> = {
    listVars: ({ variables }) => variables.list(),
    listPrograms: ({ programs }) => programs.list(),
    putProgram: ({ programs }) => programs.put("p", { tool: "late" }),
    deleteProgram: ({ programs }) => programs.delete("p"),
  };
  for (const [method, use] of Object.entries(cases)) {
    const session = await old();
    Object.assign(store, {
      [method]: async (...args: unknown[]): Promise<unknown> => {
        await reopen();
        return await Reflect.apply(Reflect.get(store, method), store, args);
      },
    });
    await assert.rejects(use(session), { code: /^unknown_(session|program)$/ }, method);
    const { tool } = await (await it.sessions.get("s")).programs.get("p");
    assert.equal(tool, "other", method);
  }
});
