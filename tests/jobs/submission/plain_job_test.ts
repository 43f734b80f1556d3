import assert from "node:assert/strict";
import fc from "fast-check";
import { callJobSchema } from "../../../src/jobs/submission/job_schema.ts";
import { plainJob } from "../../../src/jobs/submission/plain_job.ts";

/** Mostly a value that is right. */
function mostly<T, U>(right: fc.Arbitrary<T>, other: fc.Arbitrary<U>): fc.Arbitrary<T | U> {
  return fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: other });
}

const name = mostly(
  fc.constantFrom("a", "x".repeat(256), "ü", "a b"),
  fc.oneof(
    fc.constantFrom("", "a\0b", "\ud800", "x".repeat(257), undefined, 7),
    fc.string({ unit: "binary" }),
  ),
);
const plainFields = {
  kind: mostly(fc.constant("call"), fc.constantFrom("dance", undefined, null)),
  tool: name,
  args: mostly(fc.object(), fc.oneof(fc.anything(), fc.json().map((it) => JSON.parse(it)))),
  pool: name,
  queue: name,
  priority: mostly(fc.integer({ min: -12, max: 12 }), fc.oneof(fc.double(), fc.anything())),
  tags: mostly(
    fc.array(name, { maxLength: 3 }),
    fc.oneof(fc.array(fc.constant("a"), { maxLength: 40 }), fc.anything()),
  ),
};
const input = mostly(
  fc.record(plainFields, { requiredKeys: ["tool"] }),
  fc.oneof(
    fc.record({ ...plainFields, timeoutMs: fc.integer() }, { requiredKeys: ["tool"] }),
    fc.object(),
  ),
);

Deno.test("plainJob() accepts nothing that the schema refuses, and reads it alike", () => {
  let accepted = 0;
  fc.assert(
    fc.property(input, (it) => {
      const plain = plainJob(it);
      if (plain === undefined) return;
      accepted++;
      const { data, error } = callJobSchema.safeParse(it);
      assert.ifError(error);
      assert.deepEqual({ ...plain }, data);
    }),
    { numRuns: 2_000 },
  );
  assert.ok(accepted > 200, `${accepted} were accepted`);
});

Deno.test("plainJob() takes jobs with the most frequent options, and copies their tags", () => {
  const tags = ["a", "b"];
  const job = { kind: "call", tool: "t", args: { a: 1 }, pool: "p", queue: "q", priority: 3, tags };
  const plain = plainJob(job);
  assert.deepEqual(plain, job);
  assert.notEqual(plain?.tags, tags);
  assert.equal(plainJob({ tool: "t" })?.tool, "t");
});

Deno.test("plainJob() leaves all other jobs to the schema", () => {
  const odd = [
    {},
    { tool: undefined },
    { tool: "t", delayMs: 5 },
    { tool: "t", delayMs: undefined },
    { tool: "t", args: JSON.parse('{"__proto__": 1}') },
    { tool: "t", args: { [Symbol.iterator]: 1 } },
    { tool: "t", args: new Map() },
    { tool: "t", args: [] },
    { tool: "t", tags: new Array(1) },
    Object.create({ tool: "t" }),
  ];
  for (const it of odd) assert.equal(plainJob(it), undefined);
});
