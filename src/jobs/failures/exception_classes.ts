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
