import type { PoolConfig } from "../../config/mod.ts";
import type { PoliciesInfo } from "../../pool/mod.ts";
import { CallPolicy } from "./call_policy.ts";
import { Circuit } from "./circuit.ts";
import { RetryPolicy } from "./retry_policy.ts";

/** The configuration of the policies of a pool. */
export type PolicyConfig = Pick<PoolConfig, "name" | "breaker" | "retry" | "tools">;

/**
 * The policies of one pool: its own, and those of single tools, which have their own circuits and
 * retries.
 */
export class PoolPolicies {
  readonly #circuit: Circuit | undefined;
  readonly #toolCircuits = new Map<string, Circuit>();
  readonly #tools = new Map<string, CallPolicy>();
  readonly #others: CallPolicy | undefined;
  readonly #stopping = new AbortController();
  #retries = 0;

  private constructor({ name, breaker, retry, tools }: PolicyConfig) {
    this.#circuit = breaker && new Circuit(`the pool ${name}`, breaker);
    const common = this.#circuit === undefined ? [] : [this.#circuit];
    for (const [tool, config] of Object.entries(tools)) {
      const circuit = config.breaker &&
        new Circuit(`the tool ${tool} of the pool ${name}`, config.breaker);
      if (circuit !== undefined) this.#toolCircuits.set(tool, circuit);
      const circuits = circuit === undefined ? common : [circuit, ...common];
      const policy = this.#policy(circuits, config.retry ?? retry);
      if (policy !== undefined) this.#tools.set(tool, policy);
    }
    this.#others = this.#policy(common, retry);
  }

  /** Returns the policies of a pool; undefined if it has none. */
  static of(config: PolicyConfig): PoolPolicies | undefined {
    const all = [config, ...Object.values(config.tools)];
    const hasAny = all.some(({ breaker, retry }) => breaker !== undefined || retry !== undefined);
    return hasAny ? new PoolPolicies(config) : undefined;
  }

  /** Returns the policy of a tool; undefined if none applies. */
  for(tool: string): CallPolicy | undefined {
    return this.#tools.get(tool) ?? this.#others;
  }

  /** Closes all circuits: the code of the pool has changed. */
  reset(): void {
    for (const circuit of [this.#circuit, ...this.#toolCircuits.values()]) circuit?.reset();
  }

  /** Ends the pauses of all calls: the host stops. */
  close(): void {
    this.#stopping.abort();
  }

  get info(): PoliciesInfo {
    return {
      ...(this.#circuit === undefined ? {} : { circuit: this.#circuit.info }),
      toolCircuits: Object.fromEntries(
        [...this.#toolCircuits].map(([tool, circuit]) => [tool, circuit.info]),
      ),
      retries: this.#retries,
    };
  }

  #policy(circuits: readonly Circuit[], retry: PolicyConfig["retry"]): CallPolicy | undefined {
    if (circuits.length === 0 && retry === undefined) return undefined;
    return new CallPolicy({
      circuits,
      retry: retry && new RetryPolicy(retry),
      onRetry: () => this.#retries++,
      stopping: this.#stopping.signal,
    });
  }
}
