import assert from "node:assert/strict";
import fc from "fast-check";
import { nearNames, suggestion } from "../src/near_names.ts";

const NAMES = ["add", "classify", "profile_csv", "text_stats", "ping", "x"];

Deno.test("nearNames() finds names with a typing error, nearest first", () => {
  assert.deepStrictEqual(nearNames("ad", NAMES), ["add", "x"]);
  assert.deepStrictEqual(nearNames("clasify", NAMES), ["classify"]);
  assert.deepStrictEqual(nearNames("PROFILE-CSV", NAMES), ["profile_csv"]);
  assert.deepStrictEqual(nearNames("stats", NAMES), ["text_stats"]);
  assert.deepStrictEqual(nearNames("ping_all", NAMES), ["ping"]);
});

Deno.test("nearNames() offers the names that begin alike before others that are as near", () => {
  assert.deepStrictEqual(nearNames("stats", ["csv_stats", "all_stats", "stats_of"]), [
    "stats_of",
    "all_stats",
    "csv_stats",
  ]);
  assert.deepStrictEqual(nearNames("ping_all", ["all", "ping"]), ["ping", "all"]);
  // A typing error of one letter is as near, and comes after them.
  assert.deepStrictEqual(nearNames("Note", ["mote", "notes"]), ["notes", "mote"]);
});

Deno.test("nearNames() returns nothing if no name is similar", () => {
  assert.deepStrictEqual(nearNames("quantum_entangle", NAMES), []);
  assert.deepStrictEqual(nearNames("anything", []), []);
});

Deno.test("nearNames() does not treat a name of one letter as a part of every word", () => {
  assert.deepStrictEqual(nearNames("explain_text", ["x", "ex"]), []);
});

Deno.test("nearNames() returns each name once, at most `limit`, including an exact match", () => {
  const name = fc.string({ maxLength: 12 });
  fc.assert(fc.property(name, fc.array(name), fc.nat({ max: 5 }), (wanted, names, limit) => {
    const near = nearNames(wanted, [...names, ...names], limit);
    assert.ok(near.length <= limit);
    assert.equal(new Set(near).size, near.length);
    assert.ok(near.every((it) => names.includes(it)));
    if (names.includes(wanted)) assert.ok(nearNames(wanted, names, 1_000).includes(wanted));
  }));
});

Deno.test("nearNames() is quick for a name of a megabyte", () => {
  assert.deepStrictEqual(nearNames("q".repeat(1_000_000), NAMES), []);
});

Deno.test("suggestion() suggests similar names, or lists all", () => {
  assert.equal(suggestion("classfy", NAMES), 'did you mean "classify"?');
  assert.equal(suggestion("adda", ["add", "addb"]), 'did you mean "add" or "addb"?');
  assert.equal(suggestion("zzzzzzzzz", ["b", "a", "b"]), "there are a, b");
  assert.equal(suggestion("zzzzzzzzz", ["default"]), "there is only default");
  assert.equal(suggestion("zzz", []), "there are none");
});

Deno.test("suggestion() lists ten names and counts the rest", () => {
  const names = Array.from({ length: 13 }, (_, i) => `tool_${String(i).padStart(2, "0")}`);
  const text = suggestion("entirely different", names);
  assert.match(text, /^there are tool_00, .*tool_09 and 3 more$/);
});
