import { HOST_ENV } from "../../process/mod.ts";
import { group, list, text } from "../schema_parts.ts";

const ALLOWED_EXECUTABLE = "the path or the name of a Python 3.10 or later";

/** The section `python`: the interpreter and the packages of the workers. */
export const pythonSchema = group({
  executable: text({
    description: "Your own interpreter; no private environment is built.",
    env: HOST_ENV.python,
    allowed: ALLOWED_EXECUTABLE,
    defaultText: "a private environment in the data directory",
  }).optional(),
  requirements: list({
    description: "Requirements files that are installed into the private environment.",
  }, text({ description: "A file." })).default([]),
}, "Where Python comes from.");

/** The section `python` of a pool, which takes the place of the one at the top. */
export const poolPythonSchema = group(
  {
    executable: text({
      description: "Your own interpreter for this pool; not together with `requirements`.",
      allowed: ALLOWED_EXECUTABLE,
      defaultText: "the `python` at the top",
    }).optional(),
    requirements: list({
      description:
        "Requirements files of this pool, instead of the top-level ones. The pool gets a " +
        "private environment, which it shares with pools that need the same.",
      defaultText: "the `python` at the top",
    }, text({ description: "A file." })).optional(),
  },
  "Where the Python of this pool comes from: `executable` or `requirements`.",
  {
    defaultText: "the `python` at the top",
  },
);
