// The bench's page: its tables say what was recorded, and whether that is what was aimed at.
import assert from "node:assert/strict";
import { withFigures } from "../../bench/page.ts";
import type { Recorded } from "../../bench/recorded.ts";
import type { Spreads } from "../../bench/report.ts";

const PAGE =
  "a\n<!-- figures -->\n<!-- /figures -->\n<!-- peers -->\n<!-- /peers -->\nb";

function recorded(figures: Spreads): Recorded {
  const source = { machine: "M", deno: "1.2.3", commit: "c0ffee", at: "today" };
  return { ...source, runs: 5, seconds: 4, figures };
}

const spread = (median: number) => ({ median, least: median, most: median });

Deno.test("bench/README.md says what recorded.json says", async () => {
  const page = await Deno.readTextFile(
    new URL("../../bench/README.md", import.meta.url),
  );
  assert.equal(page, withFigures(page), "run `deno task docs`");
});

Deno.test("a goal is met by what is as good, and else told how far it is", () => {
  const page = withFigures(PAGE, {
    full: {
      senders: recorded({ acked: spread(20_000), ackP99: spread(25) }),
      "senders-2": recorded({ acked: spread(7), generatorCores: spread(8) }),
    },
  });
  const rows = page.split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  assert.deepEqual(rows.slice(2), [
    [
      "`senders`",
      "acked /s",
      "≥ 30,000",
      "20,000 (20,000–20,000)",
      "missed 1.50 times",
    ],
    ["", "ack p99 ms", "≤ 25.0", "25.0 (25.0–25.0)", "met"],
    ["`senders-2`", "acked /s", "", "7 (7–7)", ""],
  ]);
  assert.ok(
    page.includes("M; Deno 1.2.3; 5 runs of 4 s each; today, commit c0ffee."),
  );
  assert.ok(page.startsWith("a\n") && page.endsWith("\nb"));
});

Deno.test("beside a peer each figure is told of both", () => {
  const page = withFigures(PAGE, {
    peers: {
      kvorum: recorded({ acked: spread(100) }),
      "socket.io": { ...recorded({ acked: spread(20) }), versions: "V 1" },
    },
  });
  assert.ok(page.includes("M; Deno 1.2.3, V 1; 5 runs of 4 s each;"));
  assert.match(page, /\| acked \/s +\| 100 \(.*\| 20 \(.*\| 5\.0 times \|/);
});

Deno.test("however many versions there are to name, the page stays as deno fmt would leave it", () => {
  const versions = Array.from({ length: 9 }, (_, i) => `Program${i} 1.2.${i}`)
    .join(", ");
  const page = withFigures(PAGE, {
    peers: {
      kvorum: recorded({ acked: spread(100) }),
      "socket.io": { ...recorded({ acked: spread(20) }), versions },
    },
  });
  const lines = page.slice(page.indexOf("M; Deno"), page.indexOf("c0ffee."))
    .split("\n");
  for (const [i, line] of lines.entries()) {
    assert.ok(line.length <= 80, line);
    const next = lines[i + 1]?.split(" ")[0];
    assert.ok(next === undefined || line.length + 1 + next.length > 80, line);
  }
  assert.equal(lines.length, 3);
});
