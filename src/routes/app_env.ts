import type { Context } from "hono";

/** What handlers find in the context of a request. */
export interface AppEnv {
  Variables: { requestId: string };
}

/** The context of a request. */
export type AppContext = Context<AppEnv>;
