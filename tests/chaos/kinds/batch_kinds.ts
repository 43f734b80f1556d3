import assert from "node:assert/strict";
import type { BatchResult, Snakeden } from "../../../mod.ts";
import { POOL_NAMES } from "../pools/drawn_pools.ts";
import type { Random } from "../random.ts";
import { type Kind, pause } from "./kind.ts";

/** Batches, with items that raise or end their worker, followed to the end or cancelled. */
export class BatchKinds {
  readonly #den: Snakeden;
  readonly #origin: string;

  constructor(den: Snakeden, { origin }: { readonly origin: string }) {
    this.#den = den;
    this.#origin = origin;
  }

  get kinds(): Kind[] {
    return [
      { name: "batch", weight: 2, run: (random) => this.#run(random) },
      { name: "batch of a file", weight: 1, run: (random) => this.#run(random, { ofFile: true }) },
      { name: "batch cancelled", weight: 1, run: (random) => this.#cancel(random) },
    ];
  }

  async #submitted(
    random: Random,
    { ofFile = false }: { readonly ofFile?: boolean } = {},
  ): Promise<{ readonly id: string; readonly inputs: readonly Input[] }> {
    const inputs = Array.from({ length: 1 + random.below(300) }, (_, value) => ({
      value,
      how: howOf(random),
      seconds: random.below(20) === 0 ? random.next() / 50 : 0,
    }));
    const lines = inputs.map((it) => `${JSON.stringify(it)}\n`).join("");
    const items = ofFile
      ? { inputsFile: (await this.#den.files.add(new TextEncoder().encode(lines))).id }
      : { inputs };
    const { id } = await this.#den.jobs.submit({
      kind: "batch",
      tool: "item",
      pool: random.pick(POOL_NAMES) ?? "default",
      ...items,
      items: { maxAttempts: 3, retry: { minMs: 1, maxMs: 20 } },
      maxAttempts: 10,
    });
    return { id, inputs };
  }

  async #run(random: Random, options: { readonly ofFile?: boolean } = {}): Promise<void> {
    const { id, inputs } = await this.#submitted(random, options);
    // A first reader leaves in the middle.
    let most = random.below(100);
    for await (const _ of this.#den.jobs.results(id)) {
      if (--most < 0) break;
    }
    const results: BatchResult[] = [];
    for await (const result of this.#den.jobs.results(id)) results.push(result);
    const job = await this.#den.jobs.wait(id);
    assert.equal(job.state, "completed", JSON.stringify(job));
    check(results, inputs);
    assert.equal(results.length, inputs.length, "items are missing");
    const failed = results.filter((it) => "error" in it).length;
    assert.deepEqual(job.items, { done: inputs.length, failed, total: inputs.length });
    const response = await fetch(`${this.#origin}/v1/jobs/${id}/result`);
    const lines = (await response.text()).trimEnd().split("\n");
    assert.deepEqual(lines.map((it) => JSON.parse(it).index), results.map(({ index }) => index));
  }

  async #cancel(random: Random): Promise<void> {
    const { id, inputs } = await this.#submitted(random);
    await pause(random.below(200));
    await this.#den.jobs.cancel(id);
    const job = await this.#den.jobs.wait(id);
    assert.ok(["cancelled", "completed"].includes(job.state), JSON.stringify(job));
    const results: BatchResult[] = [];
    for await (const it of this.#den.jobs.results(id, { follow: false })) results.push(it);
    check(results, inputs);
  }
}

interface Input {
  readonly value: number;
  readonly how: "well" | "raise" | "die";
  readonly seconds: number;
}

function howOf(random: Random): Input["how"] {
  const chance = random.below(300);
  if (chance === 0) return "die";
  return chance < 20 ? "raise" : "well";
}

/** Checks that no item is there twice, and that each has ended as it may. */
function check(results: readonly BatchResult[], inputs: readonly Input[]): void {
  const seen = new Set<number>();
  for (const result of results) {
    const { index } = result;
    assert.ok(!seen.has(index), `the item ${index} is there twice`);
    seen.add(index);
    const how = inputs[index]?.how;
    assert.ok(how, `there is no item ${index}`);
    if ("result" in result) {
      assert.equal(how, "well");
      assert.equal(result.result, index);
      continue;
    }
    const codes = how === "raise" ? ["python_exception"] : [];
    const allowed = [...codes, "worker_crashed"];
    assert.ok(allowed.includes(result.error.code), JSON.stringify(result));
  }
}
