import type { FieldIssue } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { shownValue } from "../config_issues.ts";

/** Checks the keys of a pool that say how many workers it has. */
export function elasticIssues(pool: unknown, i: number): FieldIssue[] {
  if (!isRecord(pool)) return [];
  const { size, min, max, spare } = pool;
  const path = `pools[${i}]`;
  const given = min !== undefined || max !== undefined;
  if (size !== undefined && given) {
    return [{
      path: `${path}.size`,
      message: `given ${shownValue(size)} beside ${min === undefined ? "max" : "min"}; allowed: ` +
        "size, or min and max",
    }];
  }
  if (given && (min === undefined || max === undefined)) {
    const [key, value, other] = min === undefined ? ["max", max, "min"] : ["min", min, "max"];
    return [{
      path: `${path}.${key}`,
      message: `given ${shownValue(value)} without ${other}; allowed: min and max, or size`,
    }];
  }
  const most = given ? max : undefined;
  return [...overMax("min", min, most, path), ...spareIssues(spare, most, path)];
}

function spareIssues(spare: unknown, max: unknown, path: string): FieldIssue[] {
  if (spare === undefined || spare === 0 || max !== undefined) {
    return overMax("spare", spare, max, path);
  }
  return [{
    path: `${path}.spare`,
    message: `given ${shownValue(spare)} without min and max; allowed: beside both of them, or 0`,
  }];
}

function overMax(key: string, value: unknown, max: unknown, path: string): FieldIssue[] {
  if (typeof value !== "number" || typeof max !== "number" || !(value > max)) return [];
  return [{
    path: `${path}.${key}`,
    message: `given ${value}, which is more than max, ${max}; allowed: at most max`,
  }];
}
