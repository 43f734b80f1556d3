import assert from "node:assert/strict";
import {
  ageText,
  durationText,
  parseDuration,
  relativeTime,
} from "../../../src/cli/terminal/mod.ts";

Deno.test("parseDuration() reads numbers with units, and nothing else", () => {
  const good: Readonly<Record<string, number>> = {
    "500ms": 500,
    "2s": 2_000,
    "1.5s": 1_500,
    "5m": 300_000,
    "1h30m": 5_400_000,
    "2d": 172_800_000,
    "0s": 0,
  };
  for (const [text, ms] of Object.entries(good)) assert.equal(parseDuration(text), ms, text);
  for (const text of ["", "5", "s", "-5s", "5 s", "1e3s", "5x", "5s!", ".5s", "Infinitys"]) {
    assert.equal(parseDuration(text), undefined, text);
  }
});

Deno.test("durationText() has the two largest units", () => {
  const texts: Readonly<Record<number, string>> = {
    0: "0 ms",
    850.4: "850 ms",
    999.6: "1.0 s",
    4_240: "4.2 s",
    9_960: "10 s",
    59_600: "1 m",
    185_000: "3 m 5 s",
    3_600_000: "1 h",
    90_060_000: "1 d 1 h",
  };
  for (const [ms, text] of Object.entries(texts)) assert.equal(durationText(Number(ms)), text);
  assert.equal(durationText(NaN), "");
  assert.equal(durationText(-1), "");
});

Deno.test("relativeTime() says how far a time is", () => {
  const now = Date.parse("2030-01-31T08:00:00Z");
  assert.equal(relativeTime("2030-01-31T08:00:00.900Z", now), "now");
  assert.equal(relativeTime("2030-01-31T07:58:01Z", now), "1 m ago");
  assert.equal(relativeTime("2030-01-31T11:00:01Z", now), "in 3 h");
  assert.equal(relativeTime("2030-01-31T09:59:58Z", now), "in 2 h");
  assert.equal(relativeTime("2029-01-31T08:00:00Z", now), "365 d ago");
  assert.equal(relativeTime(undefined, now), "");
  assert.equal(relativeTime("never", now), "");
  assert.equal(ageText("2030-01-31T07:58:01Z", now), "1 m");
  assert.equal(ageText("2030-01-31T08:00:01Z", now), "0 s");
  assert.equal(ageText(undefined, now), "");
});
