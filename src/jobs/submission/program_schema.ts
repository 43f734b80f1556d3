import { z } from "zod";
import { group, oneOf, permissionsSchema, text, whole } from "../../config/mod.ts";
import { JOB_LIMITS } from "../../store/mod.ts";
import { bounded, optionsShape } from "./job_schema.ts";

/** The most arguments of a program. */
const MAX_ARGS = 10_000;

/** A text of any length; the runner says what the system takes. */
function anyText(description: string): z.ZodString {
  return z.string().meta({ description, allowed: "a text" });
}

/** The fields of every kind of program. */
const programShape = {
  env: z.record(z.string(), anyText("A variable.")).meta({
    description: "Variables of the environment.",
    allowed: "an object of texts by name",
  }).optional(),
  stdin: anyText("Text that the program reads from standard input; default none.").optional(),
  limits: group({
    memoryBytes: whole(1, Number.MAX_SAFE_INTEGER, {
      description: "Most resident memory; default, and at most, `jobs.scripts.memoryBytes`.",
    }).optional(),
    cpuMs: whole(1, Number.MAX_SAFE_INTEGER, {
      description: "Most CPU time; default, and at most, `jobs.scripts.cpuMs`.",
    }).optional(),
    openFiles: whole(1, Number.MAX_SAFE_INTEGER, {
      description: "Most open files; default, and at most, `jobs.scripts.openFiles`.",
    }).optional(),
  }, "Limits that are lower than those of the configuration.").optional(),
};

/** A job of kind `script`, as it is submitted. */
export const scriptJobSchema = group({
  kind: oneOf(["script"], { description: "The kind of the job." }),
  script: bounded(
    JOB_LIMITS.nameChars,
    "Path of a TypeScript or Python file in a folder of `jobs.scriptFolders`.",
  ).optional(),
  source: text({
    description: "Source of the script, instead of `script`; only with `jobs.allowInline`.",
    allowed: "a text that is not empty, without NUL",
  }).optional(),
  language: oneOf(["typescript", "python"], { description: "Language of `source`." }).optional(),
  args: z.array(anyText("An argument.")).max(MAX_ARGS).meta({
    description: "Arguments of the script.",
    allowed: `a list of at most ${MAX_ARGS} texts`,
  }).optional(),
  permissions: permissionsSchema.extend({}).meta({
    description: "Permissions of a TypeScript script: at most those of its folder; default none.",
    allowed: "an object of permissions",
  }).optional(),
  ...programShape,
  ...optionsShape,
}, "A script, as a job.");

/** A job of kind `command`, as it is submitted. */
export const commandJobSchema = group({
  kind: oneOf(["command"], { description: "The kind of the job." }),
  command: bounded(JOB_LIMITS.nameChars, "Name of a command of `jobs.commands`."),
  args: z.record(z.string(), z.unknown()).meta({
    description: "Texts, numbers or booleans for the `{name}` of the command.",
    allowed: "an object of arguments by name",
  }).optional(),
  ...programShape,
  ...optionsShape,
}, "A command of the configuration, as a job.");

/** A script that was checked. */
export type CheckedScript = z.output<typeof scriptJobSchema>;
/** A command that was checked. */
export type CheckedCommand = z.output<typeof commandJobSchema>;
