/** A route that a program may use with the token of its job. */
export interface JobRoute {
  readonly method: string;
  /** The path, as the route itself has it. */
  readonly path: string;
  /** True if the parameter `id` must be that job, or a child of it. */
  readonly isOfJob?: boolean;
}

/**
 * The routes that a program may use with the token of its job; it may use no other. Files are
 * fetched by their ids, which cannot be guessed, and not listed.
 */
export const JOB_ROUTES: readonly JobRoute[] = [
  { method: "POST", path: "/v1/execute" },
  { method: "POST", path: "/v1/stream" },
  { method: "GET", path: "/v1/socket" },
  { method: "GET", path: "/v1/tools" },
  { method: "POST", path: "/v1/jobs" },
  { method: "POST", path: "/v1/jobs/batch" },
  { method: "PUT", path: "/v1/jobs/{id}" },
  { method: "GET", path: "/v1/jobs/{id}", isOfJob: true },
  { method: "POST", path: "/v1/jobs/{id}/cancel", isOfJob: true },
  { method: "GET", path: "/v1/jobs/{id}/result", isOfJob: true },
  { method: "GET", path: "/v1/jobs/{id}/logs", isOfJob: true },
  { method: "GET", path: "/v1/jobs/{id}/events", isOfJob: true },
  { method: "GET", path: "/v1/jobs/{id}/artifacts", isOfJob: true },
  { method: "GET", path: "/v1/jobs/{id}/artifacts/{name}", isOfJob: true },
  { method: "PUT", path: "/v1/files" },
  { method: "GET", path: "/v1/files/{id}" },
  { method: "GET", path: "/v1/files/{id}/content" },
];

/** A route that a request is for, and the job that its path names. */
export interface FoundRoute {
  /** The id, if the route is one of a job. */
  readonly jobId: string | undefined;
}

const MATCHERS = JOB_ROUTES.map(({ method, path, isOfJob = false }) => ({
  method,
  isOfJob,
  pattern: new RegExp(`^${path.replaceAll(".", "\\.").replace(/\{\w+\}/g, "([^/]+)")}$`),
}));

/** Returns the route of {@link JOB_ROUTES} that a request is for; undefined if there is none. */
export function findJobRoute(method: string, path: string): FoundRoute | undefined {
  // A route of GET answers HEAD as well.
  const asked = method === "HEAD" ? "GET" : method;
  for (const it of MATCHERS) {
    if (it.method !== asked) continue;
    const [whole, id] = it.pattern.exec(path) ?? [];
    if (whole !== undefined) return { jobId: it.isOfJob ? decodedId(id ?? "") : undefined };
  }
  return undefined;
}

/** Returns the id in a path, as the route decodes it. */
function decodedId(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return text;
  }
}
