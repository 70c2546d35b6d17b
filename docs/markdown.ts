// Tables and paragraphs in Markdown, and the places in a page where they belong.

/** A table as `deno fmt` would leave it. */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length))
  );
  const line = (cells: readonly string[], fill: string) =>
    `| ${
      cells.map((cell, column) => cell.padEnd(widths[column]!, fill))
        .join(" | ")
    } |`;
  return [
    line(head, " "),
    line(head.map(() => ""), "-"),
    ...rows.map((row) => line(row, " ")),
  ].join("\n");
}

const WIDTH = 80;

/** A paragraph as `deno fmt` would leave it. */
export function renderParagraph(text: string): string {
  let column = -1;
  return text.split(" ").map((word, i) => {
    const fits = column + 1 + word.length <= WIDTH;
    column = fits ? column + 1 + word.length : word.length;
    return i === 0 ? word : `${fits ? " " : "\n"}${word}`;
  }).join("");
}

/** The page with a text between two comments that name it. Throws where they are missing. */
export function replaceBetween(
  page: string,
  marker: string,
  text: string,
): string {
  const [open, close] = [`<!-- ${marker} -->`, `<!-- /${marker} -->`];
  const start = page.indexOf(open);
  const end = page.indexOf(close);
  if (start < 0 || end < start) {
    throw new Error(`The page needs the markers ${open} and ${close}`);
  }
  return `${page.slice(0, start + open.length)}\n\n${text}\n\n${
    page.slice(end)
  }`;
}
