import assert from "node:assert/strict";
import { BatchReader } from "../../../src/kv/rows/batch_reader.ts";

/** A database with numbers as values, of which 7 cannot be read; it notes how it was asked. */
function fakeKv(): Pick<Deno.Kv, "get" | "getMany"> & { readonly sizes: number[] } {
  const sizes: number[] = [];
  const read = ([number]: Deno.KvKey): Promise<unknown> => {
    if (number === 7) return Promise.reject(new Error("damaged"));
    const value = number === 0 ? null : number;
    return Promise.resolve({ key: [number], value, versionstamp: "1" });
  };
  const get = (key: Deno.KvKey): Promise<unknown> => {
    sizes.push(1);
    return read(key);
  };
  const getMany = (keys: readonly Deno.KvKey[]): Promise<unknown> => {
    sizes.push(keys.length);
    return Promise.all(keys.map(read));
  };
  return { sizes, get, getMany } as unknown as ReturnType<typeof fakeKv>;
}

Deno.test("BatchReader.get() reads what one turn asks for together, ten keys at most", async () => {
  const kv = fakeKv();
  const reader = new BatchReader(kv);
  const numbers = [...Array(23).keys()].map((i) => i === 7 ? 70 : i);
  const found = await Promise.all(numbers.map((it) => reader.get([it])));
  assert.deepEqual(found, numbers.map((it) => it === 0 ? null : it));
  assert.deepEqual(kv.sizes, [10, 10, 3]);
});

Deno.test("BatchReader.get() fails only for the key that cannot be read", async () => {
  const reader = new BatchReader(fakeKv());
  const found = await Promise.allSettled([1, 7, 2].map((it) => reader.get([it])));
  assert.deepEqual(found.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert.equal(await reader.get([3]), 3);
});
