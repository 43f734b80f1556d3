import { SCRIPT_ENV } from "../../environment_names.ts";
import { SnakedenError } from "../../errors.ts";
import { isTokenText, type JobTokens, type TokenHolder } from "../../jobs/mod.ts";
import { findJobRoute } from "./job_routes.ts";

/** Dependencies of {@link JobAccess}. */
export interface JobAccessDeps {
  readonly tokens: Pick<JobTokens, "check">;
  /** Returns the id of the parent of a job. Throws `unknown_job`. */
  readonly parentOf: (jobId: string) => Promise<string | undefined>;
  /** Called with each request that is admitted, and the signal that must end its work. */
  readonly onAdmitted: (request: Request, ending: AbortSignal) => void;
}

const MAY = "call tools, list them, submit jobs, add files and fetch them by their ids, and " +
  "follow and cancel the job itself and the jobs that it has submitted";

/** The access of programs that run as jobs. They show the token of their attempt as a key. */
export class JobAccess {
  readonly #deps: JobAccessDeps;

  constructor(deps: JobAccessDeps) {
    this.#deps = deps;
  }

  /**
   * Returns the attempt whose token a request shows; undefined if it shows none.
   *
   * @throws {SnakedenError} `unauthenticated` if the token is wrong, or its attempt has ended.
   */
  holderOf(headers: Headers): TokenHolder | undefined {
    const token = tokenIn(headers);
    if (token === undefined) return undefined;
    const holder = this.#deps.tokens.check(token);
    if (holder !== undefined) return holder;
    throw new SnakedenError(
      "unauthenticated",
      "Cannot take the request: it has the token of a job whose attempt has ended, or a wrong " +
        `one; a token is good while the attempt runs that has got it as ${SCRIPT_ENV.token}`,
    );
  }

  /**
   * Admits a request of the program of a job, and lets its work end with the attempt.
   *
   * @throws {SnakedenError} `forbidden`; `unknown_job` for the path of a job that is not kept.
   */
  async admit(
    { jobId, signal }: TokenHolder,
    request: Request,
    { path }: { readonly path: string },
  ): Promise<void> {
    const { method } = request;
    const route = findJobRoute(method, path);
    if (route === undefined) throw refused(jobId, `${method} ${path}`);
    const asked = route.jobId;
    const isOwn = asked === undefined || asked === jobId ||
      await this.#deps.parentOf(asked) === jobId;
    if (!isOwn) throw refused(jobId, `${method} ${path}`);
    this.#deps.onAdmitted(request, signal);
  }
}

function refused(jobId: string, request: string): SnakedenError {
  return new SnakedenError(
    "forbidden",
    `Refused ${request}: the request has the token of the job ${jobId}, with which it may ${MAY}; ` +
      "anything else needs an API key",
    { details: { jobId } },
  );
}

/** Returns the token that headers show; undefined for none, and for what has no token's form. */
function tokenIn(headers: Headers): string | undefined {
  const text = headers.get("authorization");
  if (text === null) return undefined;
  const [, bearer] = /^bearer +(.+)$/i.exec(text) ?? [];
  return bearer !== undefined && isTokenText(bearer) ? bearer : undefined;
}
