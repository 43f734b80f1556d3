import { flag, group } from "../schema_parts.ts";

/** The section `errors`: the parts of Python code that responses over HTTP show. */
export const errorsSchema = group({
  output: flag({
    description: "The last lines of output of a call, or of a worker that cannot be started.",
  }).default(true),
  traceback: flag({
    description:
      "The tracebacks of exceptions, which contain paths and source lines of the server.",
  }).default(true),
}, "Details of Python code that responses over HTTP show. The log always has them.");
