import assert from "node:assert/strict";
import { type OpenedSessions, openSessions } from "./opened_sessions.ts";

/** Counts the reads of variables that reach the store from here on. */
function countReads({ store: { sessions } }: OpenedSessions): () => number {
  let reads = 0;
  const { getVars, listVars } = sessions;
  sessions.getVars = (...args) => {
    reads++;
    return getVars.apply(sessions, args);
  };
  sessions.listVars = (...args) => {
    reads++;
    return listVars.apply(sessions, args);
  };
  return () => reads;
}

Deno.test("Variables.set() of new variables reads nothing once the names are known", async () => {
  await using it = openSessions({});
  const { variables } = await it.sessions.open("s");
  const reads = countReads(it);
  await Promise.all(Array.from({ length: 50 }, (_, i) => variables.set(`a-${i}`, i)));
  const first = reads();
  await variables.setMany(Array.from({ length: 50 }, (_, i) => ({ name: `b-${i}`, value: i })));
  await Promise.all(Array.from({ length: 50 }, (_, i) => variables.set(`c-${i}`, i)));
  await assert.rejects(variables.get("missing"), { code: "unknown_variable" });
  assert.equal(reads(), first);
  assert.equal(
    (await (await it.again().get("s")).variables.list({ limit: 1000 })).items.length,
    150,
  );
});

Deno.test("Variables of an earlier host are found although new ones are added without a read", async () => {
  await using it = openSessions({});
  const { variables } = await it.sessions.open("s");
  for (let i = 0; i < 5; i++) await variables.set(`old-${i}`, i);
  const later = (await it.again().get("s")).variables;
  await later.set("new", 1);
  await later.set("newer", 1);
  assert.equal((await later.get("old-3")).value, 3);
  assert.equal((await later.set("old-4", 9, { ifVersion: 5 })).version, 8);
});

for (const cacheBytes of [1_000_000, 6_000, 0]) {
  Deno.test(`Variables that are set and deleted at once are what the store has (cacheBytes ${cacheBytes})`, async () => {
    await using it = openSessions({ cacheBytes });
    const { variables } = await it.sessions.open("s");
    const { sessions } = it.store;
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor(seed / 65_536) % below;
    };
    /** Lets answers overtake each other, as those of another machine may. */
    const late = async <T>(answer: Promise<T>): Promise<T> => {
      const found = await answer;
      for (let turns = random(12); turns > 0; turns--) await Promise.resolve();
      return found;
    };
    const { setVars, dropVars } = sessions;
    sessions.setVars = (...args) => late(setVars.apply(sessions, args));
    sessions.dropVars = (...args) => late(dropVars.apply(sessions, args));
    for (let round = 0; round < 300; round++) {
      const names = ["a", "b", "c"];
      await Promise.all(Array.from({ length: 8 }, async () => {
        const name = names[random(3)] ?? "a";
        for (let turns = random(6); turns > 0; turns--) await Promise.resolve();
        // Long ones do not stay in the small cache.
        if (random(2) === 0) await variables.set(name, "x".repeat(random(2) * 8_000));
        else await variables.delete(name).catch(() => {});
      }));
      const stored = await sessions.getVars("s", names);
      const found = await variables.getMany(names);
      assert.deepEqual(
        names.map((name) => found.get(name)?.version),
        names.map((_, i) => stored?.[i]?.version),
        `round ${round}`,
      );
    }
  });
}
