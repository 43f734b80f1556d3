import assert from "node:assert/strict";
import { CallList, type Listed } from "../../../src/pool/calls/call_list.ts";

interface Entry extends Listed {
  readonly name: string;
}

function entries(names: string): Entry[] {
  return [...names].map((name) => ({ name }));
}

function listOf(all: readonly Entry[]): CallList<Entry> {
  const list = new CallList<Entry>();
  for (const it of all) list.push(it);
  return list;
}

function namesIn(list: CallList<Entry>): string {
  return list.drain().map((it) => it.name).join("");
}

Deno.test("CallList keeps the order in which entries were pushed", () => {
  const list = listOf(entries("abc"));
  assert.equal(list.size, 3);
  assert.equal(list.head?.name, "a");
  assert.equal(namesIn(list), "abc");
  assert.deepStrictEqual([list.size, list.head], [0, undefined]);
});

Deno.test("CallList.insert() puts an entry before another one, or at the end", () => {
  const [a, b, c, d] = entries("abcd");
  assert.ok(a && b && c && d);
  const list = new CallList<Entry>();
  list.insert(c, undefined);
  list.insert(a, c);
  list.insert(b, c);
  list.insert(d, undefined);
  assert.equal(namesIn(list), "abcd");
});

Deno.test("CallList.remove() takes out an entry at the front, in the middle and at the end", () => {
  for (const [gone, left] of [["a", "bcd"], ["c", "abd"], ["d", "abc"]] as const) {
    const all = entries("abcd");
    const list = listOf(all);
    const it = all.find(({ name }) => name === gone);
    assert.ok(it && list.remove(it));
    assert.equal(list.remove(it), false, "it can be taken out once");
    assert.deepStrictEqual(it, {
      name: gone,
      queueList: undefined,
      queuePrevious: undefined,
      queueNext: undefined,
    });
    list.push(it);
    assert.equal(namesIn(list), left + gone);
  }
});

Deno.test("CallList.remove() returns false for an entry of another list", () => {
  const [a] = entries("a");
  assert.ok(a);
  const list = listOf([a]);
  assert.equal(new CallList<Entry>().remove(a), false);
  assert.equal(list.size, 1);
});
