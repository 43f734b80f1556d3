import type { Context } from "hono";
import type { TokenHolder } from "../../jobs/mod.ts";

/** The tool and pool that a request calls, for the log. */
export interface Called {
  readonly tool: string;
  readonly pool?: string | undefined;
}

/** The variables that handlers find in the context of a request. */
export interface AppEnv {
  /** The facts that the server adds to a request. Empty if a test calls the app directly. */
  Bindings: { readonly remoteAddr?: Deno.Addr };
  Variables: {
    requestId: string;
    called?: Called;
    /** The attempt whose token the request has. */
    holder?: TokenHolder;
  };
}

/** The context of a request. */
export type AppContext = Context<AppEnv>;
