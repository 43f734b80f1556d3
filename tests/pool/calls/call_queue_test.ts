import fc from "fast-check";
import assert from "node:assert/strict";
import { CallQueue, PRIORITY_RANGE, type Queued } from "../../../src/pool/calls/call_queue.ts";

interface Entry extends Queued {
  readonly name: string;
}

let sequence = 0;

function entry(name: string, priority = 0): Entry {
  return { name, priority, sequence: sequence++ };
}

/** The queue as a list. */
type Model = Entry[];

function bestOf(model: Model): Entry | undefined {
  return model.reduce<Entry | undefined>(
    (best, it) =>
      best === undefined || it.priority > best.priority ||
        (it.priority === best.priority && it.sequence < best.sequence)
        ? it
        : best,
    undefined,
  );
}

const priority = fc.integer(PRIORITY_RANGE);

class Push implements fc.Command<Model, CallQueue<Entry>> {
  readonly #entry: Entry;
  constructor(level: number, name: number) {
    this.#entry = entry(String(name), level);
  }
  check(): boolean {
    return true;
  }
  run(model: Model, queue: CallQueue<Entry>): void {
    // A command may run again while fast-check shrinks.
    const fresh = entry(this.#entry.name, this.#entry.priority);
    queue.push(fresh);
    model.push(fresh);
    assert.equal(queue.size, model.length);
  }
  toString(): string {
    return `push ${this.#entry.name} at ${this.#entry.priority}`;
  }
}

/** Takes some out, as if they were sent, and puts them back in any order. */
class PutBack implements fc.Command<Model, CallQueue<Entry>> {
  readonly #count: number;
  constructor(count: number) {
    this.#count = count;
  }
  check(): boolean {
    return true;
  }
  run(model: Model, queue: CallQueue<Entry>): void {
    const taken = Array.from({ length: this.#count }, () => queue.shift());
    for (let i = 0; i < taken.length; i += 2) taken.push(...taken.splice(i, 1));
    for (const it of taken) if (it !== undefined) queue.putBack(it);
    assert.equal(queue.size, model.length);
  }
  toString(): string {
    return `put back ${this.#count}`;
  }
}

class Shift implements fc.Command<Model, CallQueue<Entry>> {
  check(): boolean {
    return true;
  }
  run(model: Model, queue: CallQueue<Entry>): void {
    const best = bestOf(model);
    assert.equal(queue.shift(), best);
    if (best !== undefined) model.splice(model.indexOf(best), 1);
    assert.equal(queue.size, model.length);
  }
  toString(): string {
    return "shift";
  }
}

class Remove implements fc.Command<Model, CallQueue<Entry>> {
  readonly #at: number;
  constructor(at: number) {
    this.#at = at;
  }
  check(model: Readonly<Model>): boolean {
    return model.length > 0;
  }
  run(model: Model, queue: CallQueue<Entry>): void {
    const [taken] = model.splice(this.#at % model.length, 1);
    assert.ok(taken && queue.remove(taken));
    assert.equal(queue.remove(taken), false, "it can be taken out once");
    assert.equal(taken.queuePrevious, undefined);
    assert.equal(taken.queueNext, undefined);
    assert.equal(queue.size, model.length);
  }
  toString(): string {
    return `remove ${this.#at}`;
  }
}

Deno.test("CallQueue is first in, first out within a priority, in any sequence of operations", () => {
  const commands = fc.commands([
    fc.tuple(priority, fc.nat()).map(([level, name]) => new Push(level, name)),
    fc.tuple(fc.constantFrom(-1, 0, 1), fc.nat()).map(([level, name]) => new Push(level, name)),
    fc.constant(new Shift()),
    fc.nat({ max: 5 }).map((count) => new PutBack(count)),
    fc.nat().map((at) => new Remove(at)),
  ], { maxCommands: 100 });
  fc.assert(
    fc.property(commands, (list) => {
      const queue = new CallQueue<Entry>();
      const model: Model = [];
      fc.modelRun(() => ({ model, real: queue }), list);
      while (model.length > 0) new Shift().run(model, queue);
      assert.equal(queue.shift(), undefined);
    }),
    { numRuns: 200 },
  );
});

Deno.test("CallQueue.shift() takes the highest priority first and the oldest within it", () => {
  const queue = new CallQueue<Entry>();
  for (const it of [entry("a"), entry("b", -10), entry("c", 10), entry("d"), entry("e", 10)]) {
    queue.push(it);
  }
  const names = Array.from({ length: 6 }, () => queue.shift()?.name);
  assert.deepStrictEqual(names, ["c", "e", "a", "d", "b", undefined]);
});

Deno.test("CallQueue.remove() returns false for an entry that does not wait", () => {
  const queue = new CallQueue<Entry>();
  const other = new CallQueue<Entry>();
  const stranger = entry("x");
  assert.equal(queue.remove(stranger), false);
  other.push(stranger);
  assert.equal(queue.remove(stranger), false);
  assert.equal(other.size, 1);
});

Deno.test("CallQueue.push() refuses an unknown priority, and is unchanged", () => {
  const queue = new CallQueue<Entry>();
  for (const level of [-11, 11, 0.5, NaN, Infinity]) {
    assert.throws(() => queue.push(entry("x", level)), RangeError);
  }
  assert.equal(queue.size, 0);
});

Deno.test("CallQueue accepts an entry again that was taken out", () => {
  const queue = new CallQueue<Entry>();
  const [a, b] = [entry("a"), entry("b")];
  queue.push(a);
  queue.push(b);
  assert.equal(queue.shift(), a);
  queue.push(a);
  assert.deepStrictEqual([queue.shift(), queue.shift()], [b, a]);
});

Deno.test("CallQueue.putBack() gives entries their old places, in any order", () => {
  const queue = new CallQueue<Entry>();
  const all = [entry("a"), entry("b"), entry("c", 5), entry("d"), entry("e")];
  for (const it of all) queue.push(it);
  const [c, a, b] = Array.from({ length: 3 }, () => queue.shift());
  assert.ok(a && b && c);
  queue.push(entry("f"));
  for (const it of [b, c, a]) queue.putBack(it);
  const names = Array.from({ length: queue.size }, () => queue.shift()?.name);
  assert.equal(names.join(""), "cabdef");
});

Deno.test("CallQueue.remove() touches nothing but the two neighbours", () => {
  const queue = new CallQueue<Entry>();
  let reads = 0;
  const entries = Array.from({ length: 1_000 }, (_, i) => {
    let next: Queued | undefined;
    return {
      name: String(i),
      priority: 0,
      sequence: i,
      get queueNext(): Queued | undefined {
        reads++;
        return next;
      },
      set queueNext(it: Queued | undefined) {
        next = it;
      },
    };
  });
  for (const it of entries) queue.push(it);
  reads = 0;
  for (const it of entries) if (Number(it.name) % 2 === 1) queue.remove(it);
  assert.ok(reads <= 1_000, `${reads} links were read for 500 removals`);
  assert.equal(queue.size, 500);
});
