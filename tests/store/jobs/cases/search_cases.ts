import assert from "node:assert/strict";
import fc from "fast-check";
import type { JobFilter, NewJob } from "../../../../src/store/mod.ts";
import type { JobDriver } from "../conformance.ts";
import { JobKit, newJob, newJobs } from "../job_kit.ts";

const PYTHON_ERROR = {
  code: "python_exception",
  message: "ValueError: the column Größe has no number in row 17",
  details: { python: { type: "builtins.ValueError", message: "the column" } },
};

/** Returns the ids of all pages of a search. */
async function find(
  kit: JobKit,
  text: string,
  { limit = 100, ...filter }: JobFilter & { readonly limit?: number } = {},
): Promise<string[]> {
  const ids: string[] = [];
  let after: string | undefined;
  do {
    const page = await kit.store.list({ ...filter, text }, { limit, ...(after && { after }) });
    assert.ok(page.items.length <= limit);
    ids.push(...page.items.map(({ id }) => id));
    after = page.next;
  } while (after !== undefined);
  return ids;
}

/** Registers the cases about searches. */
export function testSearches(driver: JobDriver): void {
  const test = (name: string, run: (kit: JobKit) => Promise<void>): void => {
    Deno.test(`${driver.name}: search: ${name}`, async () => {
      await using kit = await JobKit.open(driver);
      await run(kit);
    });
  };

  test("finds the beginnings of ids and tags, and any part of names", async (kit) => {
    const jobs: Partial<NewJob>[] = [
      { id: "abc-1", name: "resize_image", tags: ["tenant:acme", "Nightly"] },
      { id: "abd-2", name: "Train", tags: ["tenant:zeta"] },
      { id: "x-abc", name: "count", tags: [] },
    ];
    await kit.store.submit(jobs.map((it) => newJob(it)));
    for (
      const [text, expected] of [
        ["abc", ["abc-1"]],
        ["ab", ["abd-2", "abc-1"]],
        ["x-abc", ["x-abc"]],
        ["ABC", []],
        ["tenant:", ["abd-2", "abc-1"]],
        ["tenant:acme", ["abc-1"]],
        ["acme", []],
        ["Night", ["abc-1"]],
        ["image", ["abc-1"]],
        ["IMAGE", ["abc-1"]],
        ["train", ["abd-2"]],
        ["n", ["x-abc", "abd-2"]],
        ["tenant image", ["abc-1"]],
        ["  tenant:\t ab ", ["abd-2", "abc-1"]],
        ["tenant count", []],
        ["%", []],
        ["_", ["abc-1"]],
        ["nothing", []],
      ] as const
    ) assert.deepEqual(await find(kit, text), expected, text);
  });

  test("finds words of an error's code, type and message, and only while it is there", async (kit) => {
    const { id } = await kit.submit();
    const other = await kit.submit();
    const [claim] = await kit.take({ slots: 2 });
    assert.ok(claim);
    await kit.end(claim, { type: "failed", error: PYTHON_ERROR, retryInMs: 60_000 });
    for (
      const text of [
        "python_exception",
        "python",
        "exception",
        "valueerror",
        "ValueErr",
        "builtins.ValueError",
        "builtins",
        "größe",
        "GRÖSSE".replace("SS", "ß"),
        "17",
        "column: (row",
        "valueerror number",
      ]
    ) assert.deepEqual(await find(kit, text), [id], text);
    for (const text of ["alueError", "ValueError2", "valueerror nothing", "--"]) {
      assert.deepEqual(await find(kit, text), [], text);
    }
    await kit.store.retry({ ids: [id] });
    const again = await kit.one();
    assert.deepEqual(await find(kit, "valueerror"), [id]);
    await kit.end(again, { type: "failed", error: { code: "c", message: "New" }, retryInMs: null });
    assert.deepEqual(await find(kit, "valueerror"), []);
    assert.deepEqual(await find(kit, "new"), [id]);
    await kit.store.retry({ ids: [id] });
    assert.deepEqual(await find(kit, "new"), []);
    await kit.end(await kit.one());
    assert.deepEqual(await find(kit, "new"), []);
    assert.deepEqual(await find(kit, "job"), [other.id, id]);
  });

  test("compares words of errors and names in any case, and in one form of Unicode", async (kit) => {
    const message = "cafe\u0301.csv हिन्दी ภาษาไทย İstanbul STRASSE naïve \u{1f4a5}";
    const { id } = await kit.submit({ name: "gro\u0308ße" });
    const error = { code: "c", message };
    await kit.end(await kit.one(), { type: "failed", error, retryInMs: null });
    const texts = [
      "café.csv",
      "cafe\u0301",
      "CAFÉ",
      "हिन्दी",
      "हिन्",
      "ภาษาไทย",
      "İSTANBUL",
      "straße",
    ];
    const found = await Promise.all(texts.map((it) => find(kit, it)));
    assert.deepEqual(found.map((it) => it.includes(id)), texts.map((it) => it !== "straße"));
    for (const text of ["naïve", "nai\u0308ve", "GRÖSSE".replace("SS", "ß"), "gro\u0308ß"]) {
      assert.deepEqual(await find(kit, text), [id], text);
    }
  });

  test("finds the beginnings of tags of any characters, and takes none for syntax", async (kit) => {
    const tags = [
      ...["a\u{10ffff}b", "\u{10ffff}", "\ud7ffx", "a'b", 'a"b', "a%b", "a*b", "-a", "OR"],
      ...["a\u{1f4a5}", "tag:x", "(a", "a\\b"],
    ];
    const jobs = tags.map((tag) => newJob({ id: crypto.randomUUID(), tags: [tag] }));
    await kit.store.submit(jobs);
    for (const [i, tag] of tags.entries()) {
      assert.deepEqual(await find(kit, tag), [jobs[i]?.id], tag);
      const [first = ""] = tag;
      const expected = jobs.filter((it) =>
        it.tags[0]?.startsWith(first) || it.id.startsWith(first)
      );
      const wide = (await find(kit, first)).filter((id) => expected.some((it) => it.id === id));
      assert.deepEqual(wide, expected.map((it) => it.id).reverse(), first);
    }
    assert.deepEqual(await find(kit, "' or 1=1 --"), []);
  });

  test("finds jobs whose error the store has made: expired and lost ones", async (kit) => {
    const expired = await kit.submit({ ttlMs: 100 });
    kit.clock.advance(200);
    await kit.sweep();
    const lost = await kit.submit({ maxAttempts: 1 });
    await kit.one({ leaseMs: 100 });
    kit.clock.advance(200);
    await kit.sweep();
    assert.deepEqual(await find(kit, "job_expired"), [expired.id]);
    assert.deepEqual(await find(kit, "host_lost"), [lost.id]);
    kit.clock.advance(2_000_000_000);
    await kit.sweep();
    assert.deepEqual(await find(kit, "host_lost"), []);
  });

  test("joins the other fields, and its cursor goes on for the same words only", async (kit) => {
    const jobs = newJobs(40, (i) => ({
      tags: [`n${i % 4}`],
      queue: i % 2 === 0 ? "even" : "odd",
      name: i < 20 ? "early" : "late",
    }));
    await kit.store.submit(jobs);
    const expected = (matches: (i: number) => boolean): string[] =>
      jobs.filter((_, i) => matches(i)).map(({ id }) => id).reverse();
    for (const limit of [1, 3, 100]) {
      assert.deepEqual(
        await find(kit, "n1 late", { limit }),
        expected((i) => i % 4 === 1 && i >= 20),
      );
      assert.deepEqual(
        await find(kit, "early", { limit, queues: ["even"], states: ["available"] }),
        expected((i) => i < 20 && i % 2 === 0),
      );
      assert.deepEqual(
        await find(kit, "n", { limit, tags: ["n2"], names: ["late"] }),
        expected((i) => i % 4 === 2 && i >= 20),
      );
    }
    const { next } = await kit.store.list({ text: "late" }, { limit: 1 });
    assert.ok(next);
    const other = kit.store.list({ text: "early" }, { limit: 1, after: next });
    await assert.rejects(other, { code: "invalid_input", message: /belongs to another filter/ });
  });

  test("a search that is too long, or has no word, is refused with the limit", async (kit) => {
    for (const text of ["", "  ", "x".repeat(201), "x".repeat(1024 * 1024), "a\0", "\ud800"]) {
      await assert.rejects(kit.store.list({ text }, { limit: 1 }), (error: Error) => {
        assert.match(error.message, /allowed: 1 to 200 characters/);
        assert.ok(error.message.length < 300);
        return true;
      });
    }
    assert.deepEqual(await find(kit, "x".repeat(200)), []);
  });

  test("cancels and retries what it finds", async (kit) => {
    const jobs = newJobs(
      1_200,
      (i) => ({ tags: [i % 2 === 0 ? "even:x" : "odd:x", ...(i === 0 ? ["single"] : [])] }),
    );
    await kit.store.submit(jobs);
    let count = 0;
    let after: string | undefined;
    do {
      const part = await kit.store.cancel({ filter: { text: "even" } }, { after });
      assert.ok(part.answers.length <= 1_000);
      count += part.answers.length;
      after = part.next;
    } while (after !== undefined);
    assert.equal(count, 600);
    assert.deepEqual(
      (await kit.store.counts()).map(({ state, count }) => [state, count]),
      [["available", 600], ["cancelled", 600]],
    );
    const back = await kit.store.retry({
      filter: { text: "single", states: ["cancelled"] },
    });
    assert.deepEqual(back.answers.map(({ id }) => id), [jobs[0]?.id]);
  });

  test("many jobs of which few match, or few of a frequent word, are found over pages", async (kit) => {
    // More than one call looks at, and the words are spread over both ends.
    for (let part = 0; part < 4; part++) {
      const at = part * 4_000;
      await kit.store.submit(newJobs(4_000, (i) => ({
        tags: [`order:${at + i}`, at + i < 50 ? "first" : "rest"],
      })));
    }
    const first = await find(kit, "first order:");
    assert.equal(first.length, 50);
    assert.equal((await find(kit, "rest order:1599")).length, 11);
    assert.deepEqual(await find(kit, "order: nothing"), []);
    assert.equal((await find(kit, "job rest", { limit: 1_000 })).length, 15_950);
  });

  Deno.test(`${driver.name}: search: any search finds what a look at each job finds`, async () => {
    const word = fc.constantFrom("a", "ab", "abc", "b:", "B", "fail", "fail_x", "x", "late", "y");
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            name: fc.constantFrom("abc", "Late", "y_x"),
            tags: fc.uniqueArray(word, { maxLength: 3 }),
            fails: fc.option(fc.array(word, { minLength: 1, maxLength: 3 }), { nil: undefined }),
          }),
          { maxLength: 12 },
        ),
        fc.array(fc.array(word, { minLength: 1, maxLength: 3 }), { minLength: 3, maxLength: 6 }),
        async (given, searches) => {
          await using kit = await JobKit.open(driver);
          const jobs = given.map(({ name, tags }, i) => newJob({ id: `ab${i}`, name, tags }));
          await kit.store.submit(jobs);
          for (const claim of await kit.take({ slots: 100 })) {
            const fails = given[Number(claim.job.id.slice(2))]?.fails;
            if (fails === undefined) continue;
            const error = { code: "fail_x", message: fails.join(" ") };
            await kit.end(claim, { type: "failed", error, retryInMs: null });
          }
          for (const words of searches) {
            const expected = jobs.filter((job, i) => words.every((it) => hit(it, job, given[i])));
            const found = await find(kit, words.join(" "), { limit: 5 });
            assert.deepEqual(found, expected.map(({ id }) => id).reverse(), words.join(" "));
          }
        },
      ),
      { numRuns: driver.durable === false ? 200 : 15 },
    );
  });
}

/** Returns true if a job matches a word, by the plainest means. */
function hit(
  word: string,
  { id, name, tags }: NewJob,
  given: { readonly fails: readonly string[] | undefined } | undefined,
): boolean {
  const text = given?.fails === undefined ? "" : ` fail_x fail x ${given.fails.join(" ")}`;
  const inError = text.toLowerCase().includes(` ${word.toLowerCase().replace(":", "")}`);
  return id.startsWith(word) || name.toLowerCase().includes(word.toLowerCase()) ||
    tags.some((it) => it.startsWith(word)) || inError;
}
