/** Tests of bulk calls on real workers, on both carriers. */
import assert from "node:assert/strict";
import { detailsOf, shown, startBulkHost } from "../fixtures/bulk_host.ts";
import { WorkerCrashedError } from "../../src/errors.ts";

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`Calls.bulk() returns what each item returns, in order (${carrier})`, async () => {
    await using it = await startBulkHost(carrier);
    for (const tool of ["add", "add_async"]) {
      const { outcomes, end, error } = await it.bulk(tool, ['{"a":1}', '{"a":2,"b":3}', '{"a":5}']);
      assert.equal(error, undefined);
      assert.deepEqual(shown(outcomes), [11, 5, 15]);
      assert.equal(end?.workerId, "default-1");
    }
    for (const tool of ["count", "count_async"]) {
      const { outcomes } = await it.bulk(tool, ['{"n":3}', '{"n":0}']);
      assert.deepEqual(shown(outcomes), [[0, 1, 2], []]);
    }
  });

  Deno.test(`Calls.bulk() runs 100,000 items (${carrier})`, async () => {
    await using it = await startBulkHost(carrier);
    const items = Array.from({ length: 100_000 }, (_, i) => JSON.stringify({ i }));
    const { outcomes, error } = await it.bulk("noop", items);
    assert.equal(error, undefined);
    assert.deepEqual(shown(outcomes), items.map((_, i) => i));
  });
}

Deno.test("Calls.bulk() names the item that ended its worker", async () => {
  await using it = await startBulkHost("socket");
  const items = Array.from(
    { length: 50 },
    (_, i) => JSON.stringify({ how: i === 30 ? "die" : "" }),
  );
  const { outcomes, error } = await it.bulk("ends", items);
  assert(error instanceof WorkerCrashedError);
  assert.equal(detailsOf(error)["item"], 30);
  assert.equal(detailsOf(error)["outcomes"], outcomes.length);
});
