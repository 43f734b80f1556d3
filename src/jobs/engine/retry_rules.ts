import type { ErrorCode } from "../../errors.ts";

/** Errors that no further attempt can cure, since it would have the same arguments. */
const INCURABLE: ReadonlySet<string> = new Set<ErrorCode>([
  "invalid_input",
  "invalid_arguments",
  "invalid_value",
  "invalid_variable",
  "invalid_tool",
  "body_too_large",
  "result_too_large",
  "unknown_tool",
  "unknown_pool",
  "unknown_session",
  "unknown_variable",
  "unknown_program",
  "not_implemented",
  // The job has ended several workers, and would end more.
  "poison_call",
]);

/** Returns true if a job that has failed with this error may succeed with another attempt. */
export function isCurable(code: string): boolean {
  return !INCURABLE.has(code);
}

/** The base classes of Python's own exceptions, besides Exception. */
const BASES: Readonly<Record<string, readonly string[]>> = {
  ArithmeticError: ["FloatingPointError", "OverflowError", "ZeroDivisionError"],
  ConnectionError: [
    "BrokenPipeError",
    "ConnectionAbortedError",
    "ConnectionRefusedError",
    "ConnectionResetError",
  ],
  ImportError: ["ModuleNotFoundError"],
  LookupError: ["IndexError", "KeyError"],
  NameError: ["UnboundLocalError"],
  OSError: [
    "BlockingIOError",
    "ChildProcessError",
    "ConnectionError",
    "FileExistsError",
    "FileNotFoundError",
    "InterruptedError",
    "IsADirectoryError",
    "NotADirectoryError",
    "PermissionError",
    "ProcessLookupError",
    "TimeoutError",
  ],
  RuntimeError: ["NotImplementedError", "RecursionError"],
  SyntaxError: ["IndentationError", "TabError"],
  UnicodeError: ["UnicodeDecodeError", "UnicodeEncodeError", "UnicodeTranslateError"],
  ValueError: ["UnicodeError", "JSONDecodeError"],
};

/**
 * Returns true if an exception of the class `type` is one of `name`: the class itself, with or
 * without its module, or a base class, of the exceptions that Python has by itself.
 */
export function isException(type: string, name: string): boolean {
  if (name === "Exception" || type === name) return true;
  const plain = type.slice(type.lastIndexOf(".") + 1);
  if (plain === name) return true;
  return BASES[name]?.some((it) => isException(type, it)) ?? false;
}
