/** Tests that the model of the chaos tests notices what a host must not do. */
import assert from "node:assert/strict";
import { VersionModel } from "../fixtures/models/version_model.ts";

/** Returns a model in which `x` is `one`, with version 1. */
function withOne(): VersionModel {
  const model = new VersionModel("s");
  model.write("x", "one").acknowledged(1);
  return model;
}

const BREACHES: Readonly<Record<string, [(model: VersionModel) => void, RegExp]>> = {
  "an acknowledged write is lost": [(it) => it.read("x").missing(), /x is lost/],
  "an older value comes back": [(it) => {
    it.write("x", "two").acknowledged(2);
    it.read("x").found("one", 1);
  }, /version 1 came after 2/],
  "a value was never written": [(it) => it.read("x").found("two", 2), /nobody wrote/],
  "a refused write has happened": [(it) => {
    it.write("x", "two", 7).conflicted(1);
    it.read("x").found("two", 2);
  }, /was refused/],
  "a version is given twice": [(it) => it.write("y", "two").acknowledged(1), /given twice/],
  "a version falls": [(it) => {
    it.write("x", "five").acknowledged(5);
    it.write("y", "four").acknowledged(4);
  }, /version 4 is of a write that began after 5/],
  "a write happens twice": [(it) => {
    it.write("x", "two").acknowledged(2);
    it.read("x").found("two", 3);
  }, /has another one/],
  "a deleted value comes back": [(it) => {
    it.drop("x").acknowledged();
    it.read("x").found("one", 1);
  }, /was deleted/],
  "two writes win on one version": [(it) => {
    const writes = ["two", "three"].map((value) => it.write("x", value, 1));
    writes.forEach((write, i) => write.acknowledged(2 + i));
  }, /two writes won on version 1/],
  "a write wins on an old version": [(it) => {
    it.write("x", "two").acknowledged(2);
    it.write("x", "three", 1).acknowledged(3);
  }, /won on 1 after 2/],
  "a write that expects nothing wins over a value": [
    (it) => it.write("x", "two", 0).acknowledged(2),
    /is lost/,
  ],
  "a write came between": [(it) => {
    const write = it.write("x", "three", 1);
    it.write("x", "two").acknowledged(2);
    write.acknowledged(3);
    it.checkWins();
  }, /3 won on 1 over 2/],
  "a delete happens after its host is gone": [(it) => {
    it.drop("x");
    it.hostEnded();
    it.read("x").found("one", 1);
    it.allRead();
    it.read("x").missing();
  }, /x is lost/],
  "a write happens after its host is gone": [(it) => {
    it.write("x", "two");
    it.hostEnded();
    it.read("x").found("one", 1);
    it.allRead();
    it.read("x").found("two", 2);
  }, /was refused/],
};

for (const [what, [breach, text]] of Object.entries(BREACHES)) {
  Deno.test(`VersionModel notices that ${what}`, () => {
    assert.throws(() => breach(withOne()), text);
  });
}

Deno.test("VersionModel accepts what may happen while calls overlap or end without an answer", () => {
  const model = withOne();
  const open = model.write("x", "two");
  model.read("x").found("one", 1);
  model.read("x").found("two", 2);
  model.drop("x");
  model.read("x").missing();
  const read = model.read("x");
  model.write("x", "three").acknowledged(4);
  read.found("two", 2);
  assert.equal(open.version, 2);
  model.hostEnded();
  model.read("x").found("three", 4);
  model.allRead();
  model.write("x", "four", 4).acknowledged(5);
  model.write("x", "five", 4).conflicted(5);
  model.checkWins();
});
