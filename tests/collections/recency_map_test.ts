import assert from "node:assert/strict";
import fc from "fast-check";
import { RecencyMap } from "../../src/collections/mod.ts";

Deno.test("RecencyMap: entries are in the order of their last use, whatever is removed", () => {
  const step = fc.record({
    action: fc.constantFrom("set", "use", "get", "delete", "drop oldest", "clear"),
    key: fc.constantFrom("a", "b", "c", "d"),
    value: fc.nat(9),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const map = new RecencyMap<number>();
    let model: [string, number][] = [];
    const found = (key: string) => model.find(([it]) => it === key);
    const without = (key: string | undefined) => model.filter(([it]) => it !== key);
    for (const { action, key, value } of steps) {
      const entry = found(key);
      if (action === "set") {
        map.set(key, value);
        model = [...without(key), [key, value]];
      } else if (action === "use") {
        assert.equal(map.use(key), entry?.[1]);
        if (entry !== undefined) model = [...without(key), entry];
      } else if (action === "get") assert.equal(map.get(key), entry?.[1]);
      else if (action === "delete") {
        assert.equal(map.delete(key), entry !== undefined);
        model = without(key);
      } else if (action === "clear") {
        map.clear();
        model = [];
      } else {
        const oldest = map.oldest?.[0];
        assert.equal(oldest, model[0]?.[0]);
        map.delete(oldest ?? "none");
        model = without(oldest);
      }
      assert.deepEqual([...map], model);
      assert.equal(map.size, model.length);
      assert.deepEqual(map.oldest, model[0]);
    }
  }));
});
