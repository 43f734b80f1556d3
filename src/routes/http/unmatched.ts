import type { Hono } from "hono";
import { SnakedenError } from "../../errors.ts";
import { nearNames } from "../../near_names.ts";
import type { AppContext, AppEnv } from "./app_env.ts";
import { problemOf, problemResponse } from "./problem.ts";

/** A path as it was registered, such as `/v1/pools/:name`, and its methods. */
interface KnownPath {
  readonly pattern: string;
  readonly matcher: RegExp;
  readonly methods: Set<string>;
}

/**
 * Returns the handler of requests that no route handles. It returns 405 with Allow if the path has
 * other methods, 204 for OPTIONS, and otherwise 404 with similar paths. Must be called after the
 * last route was added.
 */
export function unmatched(app: Hono<AppEnv>): (c: AppContext) => Response {
  const paths = knownPaths(app);
  return (c) => {
    const refuse = (error: SnakedenError, headers?: Record<string, string>): Response => {
      // The access log reads the error from here, as if it had been thrown.
      c.error = error;
      return problemResponse(problemOf(error, c.get("requestId")), headers);
    };
    const known = paths.filter((it) => it.matcher.test(c.req.path));
    if (known.length === 0) return refuse(notFound(c, paths));
    const allow = allowed(known);
    const headers = { allow: allow.join(", ") };
    if (c.req.method === "OPTIONS") return new Response(null, { status: 204, headers });
    const error = new SnakedenError(
      "method_not_allowed",
      `Cannot ${c.req.method} ${c.req.path}: this path takes ${allow.join(", ")}`,
      { details: { allow } },
    );
    return refuse(error, headers);
  };
}

function knownPaths(app: Hono<AppEnv>): KnownPath[] {
  const paths = new Map<string, KnownPath>();
  for (const { path: pattern, method } of app.routes) {
    // Middleware is registered for every method.
    if (method === "ALL") continue;
    const source = pattern.replaceAll(/[.+*?^$()[\]{}|\\]/g, "\\$&").replaceAll(/:\w+/g, "[^/]+");
    const entry = paths.get(pattern) ??
      { pattern, matcher: new RegExp(`^${source}$`), methods: new Set<string>() };
    entry.methods.add(method);
    paths.set(pattern, entry);
  }
  return [...paths.values()];
}

function allowed(known: readonly KnownPath[]): string[] {
  const methods = new Set(known.flatMap((it) => [...it.methods]));
  if (methods.has("GET")) methods.add("HEAD");
  methods.add("OPTIONS");
  return [...methods].sort();
}

function notFound(c: AppContext, paths: readonly KnownPath[]): SnakedenError {
  const near = nearNames(c.req.path, paths.map((it) => it.pattern).filter((it) => it !== "/"));
  const hint = near.length === 0
    ? "GET /openapi.json lists what there is"
    : `did you mean ${near.join(" or ")}?`;
  return new SnakedenError("not_found", `There is nothing at ${c.req.path}; ${hint}`, {
    details: { path: c.req.path },
  });
}
