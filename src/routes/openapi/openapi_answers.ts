import { JOB_ROUTES } from "../access/mod.ts";
import { PROBLEMS } from "../http/mod.ts";
import type { Schema } from "./openapi_calls.ts";
import { problemAnswers } from "../schema/mod.ts";

interface Operation {
  readonly security?: readonly unknown[];
  readonly responses: Readonly<Record<string, Schema>>;
}

type PathItem = Readonly<Record<string, Operation>>;

const HEADERS: Readonly<Record<string, Schema>> = {
  "x-request-id": {
    description: "The id of the request: its own `x-request-id`, or a new one.",
    required: true,
    schema: { type: "string" },
  },
  "Retry-After": {
    description: "Seconds after which the request may succeed.",
    schema: { type: "integer", minimum: 1 },
  },
  "Allow": {
    description: "The methods that the path accepts.",
    required: true,
    schema: { type: "string" },
  },
  "WWW-Authenticate": {
    description: "The scheme by which the API key is sent.",
    required: true,
    schema: { type: "string" },
  },
};

/** Statuses that every path may return, for a method or a header that it does not accept. */
const EVERYWHERE: readonly number[] = [405, 417, 501];

/** Options of {@link describeAnswers}. */
export interface DescribeOptions {
  readonly needsKey: boolean;
  /** The security of the operations that the token of a job may use. */
  readonly ofToken: readonly Schema[];
}

/**
 * Adds to every operation what the routes do not describe: the headers of responses, and the
 * problems of any request. Every server returns 401 for a wrong token of a job, and one with a key
 * also for a wrong key. It returns 403 for what a token does not allow, and a server without a key
 * also to foreign web pages and host names.
 */
export function describeAnswers(
  paths: object,
  { needsKey, ofToken }: DescribeOptions,
): { readonly paths: Schema; readonly components: Schema } {
  const describe = (
    { security, responses, ...rest }: Operation,
    { takesToken }: { readonly takesToken: boolean },
  ): Schema => {
    const isOpen = security !== undefined;
    const common = [...EVERYWHERE, ...(isOpen ? (needsKey ? [] : [403]) : [401, 403])];
    const own = Object.entries(responses).map(([status, answer]) => [status, {
      ...answer,
      headers: { ...Object(answer["headers"]), ...headersOf(status) },
    }]);
    return {
      ...rest,
      ...(isOpen ? { security } : takesToken ? { security: ofToken } : {}),
      responses: {
        ...Object.fromEntries(own),
        ...Object.fromEntries(common.map((it) => [it, { $ref: `#/components/responses/${it}` }])),
      },
    };
  };
  const described = Object.entries(paths as Readonly<Record<string, PathItem>>)
    .map(([path, item]) => [
      path,
      Object.fromEntries(
        Object.entries(item).map(([method, operation]) => {
          const takesToken = JOB_ROUTES.some((it) =>
            it.path === path && it.method === method.toUpperCase()
          );
          return [method, describe(operation, { takesToken })];
        }),
      ),
    ]);
  return {
    paths: Object.fromEntries(described),
    components: { headers: HEADERS, responses: commonAnswers() },
  };
}

function commonAnswers(): Schema {
  const problem = { schema: { $ref: "#/components/schemas/Problem" } };
  const statuses = [...EVERYWHERE, 401, 403];
  return Object.fromEntries(
    Object.entries(problemAnswers(...statuses)).map(([status, { description }]) => [status, {
      description,
      headers: headersOf(status),
      content: { "application/problem+json": problem },
    }]),
  );
}

function headersOf(status: string): Schema {
  const isRetried = Object.values(PROBLEMS)
    .some((it) => String(it.status) === status && it.retryAfterS !== undefined);
  const names = [
    "x-request-id",
    ...(isRetried ? ["Retry-After"] : []),
    ...(status === "405" ? ["Allow"] : []),
    ...(status === "401" ? ["WWW-Authenticate"] : []),
  ];
  return Object.fromEntries(
    names.map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  );
}
