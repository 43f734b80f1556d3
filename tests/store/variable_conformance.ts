/**
 * Tests of the contract in src/store/session_store.ts, which every driver must pass: variables and
 * programs.
 */
import assert from "node:assert/strict";
import type { NewVariable, VariableAnswer } from "../../src/store/mod.ts";
import { nextTurn } from "../fixtures/until.ts";
import type { StoreDriver } from "./conformance.ts";
import { bytesOf } from "./samples.ts";
import {
  allPages,
  essenceOf,
  lengthsOf,
  openAt,
  openSession,
  setAnswer,
  variable,
} from "./session_samples.ts";

const REFUSED = { name: "SnakedenError", code: "invalid_input", retryable: false };
const BAD_NAMES = ["", "a\0", "a\nb", "\x7f", "\ud800", "x".repeat(257)];

/** Registers the tests of a driver. */
export function testVariables(driver: StoreDriver): void {
  testValues(driver);
  testVersions(driver);
  testVariableLists(driver);
  testPrograms(driver);
}

function testValues({ name, place }: StoreDriver): void {
  Deno.test(`${name}: SessionStore keeps variables of any length byte for byte, with all their fields`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    const lengths = [0, 1, 59_000, 61_000, 65_535, 65_536, 65_537, 1_000_000, 5_000_001];
    const items = lengths.map((length): NewVariable => ({
      name: `v ${length}/é🐍`,
      type: `t-${length}`,
      value: bytesOf(length, length),
      constraints: { min: -0.5, choices: ["a", "é"], nested: { shape: [2, null] } },
    }));
    const answers = await sessions.setVars("s", items);
    assert.deepEqual(answers, lengths.map((_, i) => setAnswer(i + 1)));
    const rows = await sessions.getVars("s", [...items.map((it) => it.name), "none"]);
    assert.equal(rows?.length, items.length + 1);
    for (const [i, { name, type, value, constraints }] of items.entries()) {
      const expected = { name, type, constraints, version: i + 1, bytes: lengths[i] };
      assert.deepEqual(essenceOf(rows[i]), { ...expected, value: value.toHex() });
      assert.equal(rows[i]?.updatedAt, 1_000_000);
    }
    assert.equal(rows.at(-1), undefined);
    host.now += 5;
    const again = { name: items[0]?.name ?? "", type: "u", value: bytesOf(2) };
    assert.deepEqual(await sessions.setVars("s", [again]), [
      setAnswer(lengths.length + 1, 1_000_005),
    ]);
    const [row] = await sessions.getVars("s", [items[0]?.name ?? ""]) ?? [];
    assert.deepEqual([row?.type, row?.constraints, row?.updatedAt], ["u", undefined, 1_000_005]);
  });

  Deno.test(`${name}: SessionStore reads and writes variables of the expected life only`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    const { life } = await sessions.position("s") ?? { life: "" };
    const v = { name: "v", type: "t", value: bytesOf(100_000) };
    for (const it of [life, "another life"]) {
      const isSame = it === life;
      assert.equal((await sessions.setVars("s", [v], it))?.length, isSame ? 1 : undefined);
      assert.equal((await sessions.getVars("s", ["v"], it))?.length, isSame ? 1 : undefined);
      const page = await sessions.listVars("s", { limit: 5 }, it);
      assert.equal(page?.items.length, isSame ? 1 : undefined);
    }
    assert.equal(await sessions.dropVars("s", [v], "another life"), undefined);
    assert.deepEqual(await sessions.dropVars("s", [v], life), [{ state: "dropped", version: 2 }]);
  });

  Deno.test(`${name}: SessionStore shares no buffer of a variable with the caller`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    await openSession(host.sessions, "s");
    for (const length of [100, 100_000]) {
      const buffer = bytesOf(length + 20);
      const constraints = { choices: [1] };
      const value = buffer.subarray(10, length + 10);
      const expected = value.toHex();
      await host.sessions.setVars("s", [{ name: "v", type: "t", value, constraints }]);
      buffer.fill(0);
      constraints.choices.push(2);
      for (let round = 0; round < 2; round++) {
        const [row] = await host.sessions.getVars("s", ["v"]) ?? [];
        assert.equal(row?.value.toHex(), expected);
        assert.deepEqual(row.constraints, { choices: [1] });
        row.value.fill(0);
        Object.assign(row.constraints ?? {}, { more: 1 });
      }
    }
  });

  Deno.test(`${name}: SessionStore.setVars() accepts any number of variables, and the same one twice`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    assert.deepEqual(await sessions.setVars("s", []), []);
    const many = Array.from({ length: 3_000 }, (_, i) => variable(`v-${i}`, 400));
    const answers = await sessions.setVars("s", [...many, variable("v-0", 4), variable("v-0", 5)]);
    const versions = Array.from({ length: 3_002 }, (_, i) => i + 1);
    assert.deepEqual(answers?.map(({ version }) => version), versions);
    const names = many.map((it) => it.name);
    assert.deepEqual(await lengthsOf(sessions, "s", names), [5, ...names.slice(1).map(() => 400)]);
    const dropped = await sessions.dropVars("s", many);
    assert.ok(dropped?.every(({ state }) => state === "dropped"));
    assert.deepEqual(await lengthsOf(sessions, "s", ["v-0", "v-2999"]), [undefined, undefined]);
    assert.equal((await sessions.position("s"))?.seq, 6_002);
  });

  Deno.test(`${name}: writes of one variable take effect in the order of the calls, long or short`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    const work: Promise<unknown>[] = [];
    for (const length of [200_000, 3, 150_000, 100_000, 4]) {
      work.push(sessions.setVars("s", [variable("ends-short", length), variable("other")]));
      work.push(sessions.setVars("s", [variable("ends-long", 200_004 - length)]));
      work.push(sessions.setVars("s", [variable("ends-dropped", length)]));
      work.push(sessions.dropVars("s", [{ name: "ends-dropped" }]));
    }
    await Promise.all(work);
    const names = ["ends-short", "ends-long", "ends-dropped", "other"];
    assert.deepEqual(await lengthsOf(sessions, "s", names), [4, 200_000, undefined, 3]);
  });

  Deno.test(`${name}: SessionStore.getVars() returns whole values during writes`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    let isDone = false;
    const write = async (): Promise<void> => {
      for (let seed = 1; seed <= 8; seed++) {
        const value = bytesOf(seed % 3 === 0 ? 10 : 150_000, seed);
        await sessions.setVars("s", [{ name: "v", type: `${seed}`, value }]);
      }
      isDone = true;
    };
    const read = async (): Promise<void> => {
      while (!isDone) {
        await nextTurn();
        const [row] = await sessions.getVars("s", ["v"]) ?? [];
        if (row === undefined) continue;
        const expected = bytesOf(row.value.length, Number(row.type));
        assert.equal(row.value.toHex(), expected.toHex());
        assert.equal(row.version, Number(row.type));
      }
    };
    await Promise.all([write(), read(), read()]);
  });

  Deno.test(`${name}: SessionStore refuses names that are not allowed, and changes nothing`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    for (const bad of BAD_NAMES) {
      await assert.rejects(sessions.setVars("s", [variable("ok"), variable(bad)]), REFUSED);
      await assert.rejects(sessions.getVars("s", [bad]), REFUSED);
      await assert.rejects(sessions.dropVars("s", [{ name: bad }]), REFUSED);
      await assert.rejects(sessions.putProgram("s", { name: bad, body: 1 }), REFUSED);
      await assert.rejects(sessions.getProgram(null, bad), REFUSED);
      await assert.rejects(sessions.deleteProgram(null, bad), REFUSED);
    }
    const constraints = { text: "x".repeat(20_000) };
    await assert.rejects(sessions.setVars("s", [variable("v", 1, { constraints })]), REFUSED);
    await assert.rejects(sessions.putProgram("s", { name: "p", body: undefined }), REFUSED);
    assert.equal((await sessions.position("s"))?.seq, 0);
    const names = ["a/b", "..", " ", "é", "🐍".repeat(128), "x".repeat(256), "__proto__"];
    await sessions.setVars("s", names.map((it, i) => variable(it, i)));
    assert.deepEqual(await lengthsOf(sessions, "s", names), names.map((_, i) => i));
  });
}

function testVersions({ name, place }: StoreDriver): void {
  Deno.test(`${name}: SessionStore.setVars() and dropVars() decide each variable by its expected version`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    const set = async (...items: [string, number | undefined][]): Promise<unknown> =>
      await sessions.setVars(
        "s",
        items.map(([name, expectVersion]) => variable(name, 3, { expectVersion })),
      );
    const stale = (version: number): VariableAnswer => ({ state: "stale", version });
    assert.deepEqual(await set(["a", 0], ["b", undefined], ["c", 1], ["a", 0], ["a", 1]), [
      setAnswer(1),
      setAnswer(2),
      stale(0),
      stale(1),
      setAnswer(3),
    ]);
    assert.deepEqual(await set(["a", 1], ["b", 2], ["b", 0]), [stale(3), setAnswer(4), stale(4)]);
    const drops = await sessions.dropVars("s", [
      { name: "a", expectVersion: 1 },
      { name: "b", expectVersion: 4 },
      { name: "c" },
      { name: "c", expectVersion: 5 },
      { name: "b" },
    ]);
    assert.deepEqual(drops, [
      stale(3),
      { state: "dropped", version: 5 },
      { state: "missing", version: 0 },
      stale(0),
      { state: "missing", version: 0 },
    ]);
    assert.deepEqual(await set(["b", 4], ["b", 0]), [stale(0), setAnswer(6)]);
    assert.equal((await sessions.position("s"))?.seq, 6);
    assert.equal((await sessions.read("s"))?.version, 1);
  });

  Deno.test(`${name}: of many writes with one expected version, one is made, and no counter loses a step`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    const answers = await Promise.all(
      Array.from(
        { length: 50 },
        () => sessions.setVars("s", [variable("v", 3, { expectVersion: 0 })]),
      ),
    );
    assert.equal(answers.filter((it) => it?.[0]?.state === "set").length, 1);
    assert.ok(answers.every((it) => it?.[0]?.version === 1));
    const increment = async (): Promise<void> => {
      while (true) {
        const [row] = await sessions.getVars("s", ["n"]) ?? [];
        const value = Uint8Array.of((row?.value[0] ?? 0) + 1);
        const expectVersion = row?.version ?? 0;
        const [answer] =
          await sessions.setVars("s", [{ name: "n", type: "t", value, expectVersion }]) ?? [];
        if (answer?.state === "set") return;
        assert.ok((answer?.version ?? 0) > expectVersion);
      }
    };
    await Promise.all(Array.from({ length: 20 }, increment));
    const [row] = await sessions.getVars("s", ["n"]) ?? [];
    assert.deepEqual(row?.value, Uint8Array.of(20));
  });

  Deno.test(`${name}: a resolved write, and a stale answer, are visible to the next read`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    const write = async (expectVersion: number): Promise<void> => {
      const [answer] = await sessions.setVars("s", [variable("v", 3, { expectVersion })]) ?? [];
      const [row] = await sessions.getVars("s", ["v"]) ?? [];
      assert.ok((row?.version ?? 0) >= (answer?.version ?? 0));
    };
    await Promise.all([0, 0, 1, 1, 2, 2, 0, 3].map(write));
  });
}

function testVariableLists({ name, place }: StoreDriver): void {
  Deno.test(`${name}: SessionStore.listVars() has each variable that exists throughout once`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    await openSession(sessions, "s2");
    const names = Array.from({ length: 50 }, (_, i) => `é-${(i * 37) % 50}`);
    await sessions.setVars("s", [...names, "é-gone"].map((it) => variable(it, 10)));
    await sessions.setVars("s2", [variable("é-of-another")]);
    const seen: string[] = [];
    let step = 0;
    const found = await allPages(async (page) => {
      const answer = await sessions.listVars("s", page);
      seen.push(...answer?.items.map((it) => it.name) ?? []);
      await sessions.setVars("s", [variable(`a-${step}`), variable(`é-new-${step++}`)]);
      await sessions.setVars("s", [variable(names[step] ?? "", 20)]);
      await sessions.dropVars("s", [{ name: "é-gone" }]);
      return answer;
    }, 9);
    assert.equal(new Set(seen).size, seen.length);
    assert.deepEqual(new Set(seen).intersection(new Set(names)), new Set(names));
    assert.ok(found.every((it) => it.value === undefined));
    const order = (await allPages((page) => sessions.listVars("s", page), 1_000)).map((it) =>
      it.name
    );
    assert.deepEqual(seen, order.filter((it) => seen.includes(it)));
  });

  Deno.test(`${name}: SessionStore.listVars() has the values that are short enough`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    await openSession(host.sessions, "s");
    assert.deepEqual(await host.sessions.listVars("s", { limit: 5 }), { items: [] });
    const lengths = [0, 10, 11, 100_000, 100_001];
    await host.sessions.setVars("s", lengths.map((it) => variable(`v${it}`, it)));
    for (const maxValueBytes of [0, 10, 100_000]) {
      const page = await host.sessions.listVars("s", { limit: 5, maxValueBytes });
      const rows = new Map(page?.items.map((it) => [it.bytes, it]));
      for (const length of lengths) {
        const { value, type, version } = rows.get(length) ?? {};
        const expected = length <= maxValueBytes ? bytesOf(length).toHex() : undefined;
        assert.equal(value?.toHex(), expected);
        assert.deepEqual([type, version], ["bytes", lengths.indexOf(length) + 1]);
        // What was listed belongs to the caller.
        value?.fill(9);
      }
    }
  });
}

function testPrograms({ name, place }: StoreDriver): void {
  Deno.test(`${name}: SessionStore reads and writes programs of the expected life only`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    const { life } = await sessions.position("s") ?? { life: "" };
    const p = { name: "p", body: 1 };
    for (const [scope, it] of [["s", life], ["s", "another life"], [null, "any life"]] as const) {
      const isFound = it !== "another life";
      assert.equal((await sessions.putProgram(scope, p, it))?.version, isFound ? 1 : undefined);
      assert.equal((await sessions.getProgram(scope, "p", it))?.body, isFound ? 1 : undefined);
      const page = await sessions.listPrograms(scope, { limit: 5 }, it);
      assert.equal(page?.items.length, isFound ? 1 : undefined);
    }
    assert.equal(await sessions.deleteProgram("s", "p", "another life"), false);
    assert.equal(await sessions.deleteProgram("s", "p", life), true);
    assert.equal(await sessions.deleteProgram(null, "p", "any life"), true);
  });

  Deno.test(`${name}: SessionStore keeps programs of sessions and of all apart, each with versions`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    await openSession(sessions, "s2");
    const bodies = [{ tool: "t", args: { n: [1, "é"] } }, null, "x".repeat(200_000), 0.5];
    for (const scope of ["s", null]) {
      for (const [i, body] of bodies.entries()) {
        assert.deepEqual(await sessions.putProgram(scope, { name: "p", body }), setAnswer(i + 1));
        const row = await sessions.getProgram(scope, "p");
        const bytes = new TextEncoder().encode(JSON.stringify(body)).length;
        assert.deepEqual(row, { name: "p", version: i + 1, updatedAt: 1_000_000, bytes, body });
      }
      const stale = await sessions.putProgram(scope, { name: "p", body: 1, expectVersion: 3 });
      assert.deepEqual(stale, { state: "stale", version: 4 });
      const exists = await sessions.putProgram(scope, { name: "p", body: 1, expectVersion: 0 });
      assert.deepEqual(exists, { state: "stale", version: 4 });
      const put = await sessions.putProgram(scope, { name: "p", body: 1, expectVersion: 4 });
      assert.deepEqual(put, setAnswer(5));
    }
    assert.equal(await sessions.getProgram("s2", "p"), undefined);
    assert.equal(await sessions.deleteProgram("s2", "p"), false);
    assert.equal(await sessions.deleteProgram("s", "p"), true);
    assert.equal(await sessions.deleteProgram("s", "p"), false);
    assert.equal(await sessions.getProgram("s", "p"), undefined);
    assert.equal((await sessions.getProgram(null, "p"))?.body, 1);
    assert.deepEqual(await sessions.putProgram("s", { name: "p", body: 1, expectVersion: 1 }), {
      state: "stale",
      version: 0,
    });
  });

  Deno.test(`${name}: SessionStore.listPrograms() has each program of its scope once`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    const names = Array.from({ length: 25 }, (_, i) => `p-${i}`);
    for (const scope of ["s", null]) {
      for (const name of [...names, "gone"]) {
        await sessions.putProgram(scope, { name, body: scope });
      }
      await sessions.deleteProgram(scope, "gone");
      const found = await allPages((page) => sessions.listPrograms(scope, page), 4);
      assert.deepEqual(found.map((it) => it.name).sort(), names.toSorted());
      assert.deepEqual(Object.keys(found[0] ?? {}).sort(), [
        "bytes",
        "name",
        "updatedAt",
        "version",
      ]);
    }
    const answers = await Promise.all(
      names.map(() => sessions.putProgram("s", { name: "new", body: 1, expectVersion: 0 })),
    );
    assert.equal(answers.filter((it) => it?.state === "set").length, 1);
  });
}
