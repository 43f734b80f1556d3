/** A client of the routes of sessions, over an engine in memory. */
import type { ConfigInput } from "../../../src/config/mod.ts";
import { clientOf, memoryEngine } from "../memory_engine.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

export type Send = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<Answer>;

/** Returns a function that sends requests to paths under `/v1/sessions`. */
export function sessionClient(config: ConfigInput = {}): Send {
  const client = clientOf(memoryEngine({ config }));
  return async (method, path, body, headers = {}) => {
    const sent = body === undefined ? {} : {
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    };
    const answer = await client.request(`/v1/sessions${path}`, { method, headers, ...sent });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      body: text === "" ? undefined : JSON.parse(text),
    };
  };
}
