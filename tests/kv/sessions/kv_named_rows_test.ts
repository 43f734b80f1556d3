import assert from "node:assert/strict";
import { z } from "zod";
import { SYSTEM_CLOCK } from "../../../src/async/mod.ts";
import { BackgroundFailures } from "../../../src/kv/background_failures.ts";
import { GroupCommit } from "../../../src/kv/group_commit.ts";
import { KvChunks } from "../../../src/kv/kv_chunks.ts";
import { Records } from "../../../src/kv/records.ts";
import { KvRows, Row, type RowChange } from "../../../src/kv/rows/mod.ts";
import { KvNamedRows } from "../../../src/kv/sessions/kv_named_rows.ts";
import { AcceptedWork, type RecordType } from "../../../src/store/mod.ts";

type Head = { name: string; bytes: number };

Deno.test("KvNamedRows.page() lets timers run while it decodes a long page", async () => {
  using kv = await Deno.openKv(":memory:");
  const timer = SYSTEM_CLOCK;
  await using commits = new GroupCommit(kv, { windowMs: 0, timer });
  const records = new Records(kv, commits);
  const failures = new BackgroundFailures();
  const rows = new KvRows({ kv, commits, records, timer, failures });
  const chunks = new KvChunks(kv, commits);
  const named = new KvNamedRows({ rows, chunks, failures, accepted: new AcceptedWork() });
  let decoded = 0;
  const seen: number[] = [];
  const schema = z.object({ name: z.string(), bytes: z.int() }).refine(() => {
    if (decoded++ === 0) setTimeout(() => seen.push(decoded));
    return true;
  });
  const type: RecordType<Head> = { name: "counted", version: 1, schema };
  const names = Array.from({ length: 1_001 }, (_, i) => `v${1_000 + i}`);
  await rows.write(names.map((name): RowChange => ({
    type: "set",
    key: ["rows", name],
    value: new Row(type, { name, bytes: 0 }),
  })));
  const { items, next } = await named.page(["rows"], { limit: 1_000 }, type);
  assert.deepEqual(items.map(({ head }) => head.name), names.slice(0, 1_000));
  assert.equal(next, names[999]);
  const [first = decoded] = seen;
  assert.ok(first <= 500, `a timer waited for ${first} rows`);
  await rows.close();
});
