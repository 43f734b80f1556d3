import assert from "node:assert/strict";
import { type CallPolicy, PoolPolicies } from "../../../src/calls/policies/mod.ts";
import { parseConfig, type PoolConfig } from "../../../src/config/mod.ts";
import { SnakedenError } from "../../../src/errors.ts";

type PoolInput = Omit<
  NonNullable<NonNullable<Parameters<typeof parseConfig>[0]>["pools"]>[number],
  "name"
>;

function poolConfig(pool: PoolInput): PoolConfig {
  const [config] = parseConfig({ pools: [{ name: "p", ...pool }] }).pools;
  assert.ok(config);
  return config;
}

async function crash(policy: CallPolicy | undefined, tool: string): Promise<void> {
  await policy?.run({
    tool,
    timeoutMs: 1_000,
    isIdempotent: () => false,
    attempt: () => Promise.reject(new SnakedenError("worker_crashed", "no")),
  }).catch(() => {});
}

Deno.test("PoolPolicies.of() returns undefined for a pool without policies", () => {
  assert.equal(PoolPolicies.of(poolConfig({})), undefined);
  assert.equal(PoolPolicies.of(poolConfig({ tools: { a: {} } })), undefined);
});

Deno.test("PoolPolicies.for() returns undefined for tools without a policy", () => {
  const policies = PoolPolicies.of(poolConfig({ tools: { a: { retry: {} } } }));
  assert.ok(policies);
  assert.ok(policies.for("a"));
  assert.equal(policies.for("b"), undefined);
});

Deno.test("PoolPolicies: the circuit of a pool counts all tools, that of a tool its own calls", async () => {
  const policies = PoolPolicies.of(poolConfig({
    breaker: { threshold: 5 },
    tools: { a: { breaker: { threshold: 2 } } },
  }));
  assert.ok(policies);
  for (const tool of ["a", "a", "b"]) await crash(policies.for(tool), tool);
  const { circuit, toolCircuits } = policies.info;
  assert.deepStrictEqual([circuit?.state, circuit?.failures], ["closed", 3]);
  assert.deepStrictEqual([toolCircuits.a?.state, toolCircuits.a?.failures], ["open", 2]);
  for (const tool of ["a", "b", "b"]) await crash(policies.for(tool), tool);
  assert.equal(policies.info.circuit?.state, "open");
  assert.deepStrictEqual(Object.keys(policies.info.toolCircuits), ["a"]);
});

Deno.test("PoolPolicies: the retries of a tool stand in place of those of the pool", async () => {
  const policies = PoolPolicies.of(poolConfig({
    retry: { attempts: 3, baseMs: 1, capMs: 1 },
    tools: { a: { retry: { attempts: 1 } } },
  }));
  assert.ok(policies);
  for (const [tool, expected] of [["a", 1], ["b", 3]] as const) {
    let attempts = 0;
    await policies.for(tool)?.run({
      tool,
      timeoutMs: 60_000,
      isIdempotent: () => false,
      attempt: () => {
        attempts++;
        return Promise.reject(new SnakedenError("pool_saturated", "full"));
      },
    }).catch(() => {});
    assert.equal(attempts, expected, tool);
  }
  assert.equal(policies.info.retries, 2);
});
