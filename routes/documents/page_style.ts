// How the pages look. A text in a module, for not every Deno that is promised imports a file as text.

/** "The record": warm paper, dark spruce, hairlines in place of boxes. */
export const PAGE_STYLE = `:root {
  color-scheme: light dark;
  --paper: light-dark(#fbfaf6, #0f1717);
  --leaf: light-dark(#ffffff, #162020);
  --sunk: light-dark(#f2f0e9, #091010);
  --ink: light-dark(#182728, #ebe9e4);
  --muted: light-dark(#516161, #9aa8a7);
  --accent: light-dark(#006758, #77d2ba);
  --focus: light-dark(#1f6cb0, #78bff9);
  --hairline: light-dark(#dbd9d0, #2c3838);
  --ui: Seravek, "Gill Sans Nova", Ubuntu, Calibri, "DejaVu Sans", sans-serif;
  --titles: "Iowan Old Style", "Palatino Linotype", P052, serif;
  --code: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
}

* {
  box-sizing: border-box;
}

body {
  background: var(--paper);
  color: var(--ink);
  font: 0.9375rem/1.5 var(--ui);
  margin: 0;
}

a {
  color: var(--accent);
}

:focus-visible {
  border-radius: 4px;
  outline: 2px solid var(--focus);
  outline-offset: 2px;
}

h1,
h2,
.title {
  font-family: var(--titles);
  font-weight: 600;
  line-height: 1.2;
}

h1 {
  font-size: 1.75rem;
  margin: 0 0 12px;
}

h2 {
  border-block-end: 1px solid var(--hairline);
  font-size: 1.3125rem;
  margin: 64px 0 16px;
  padding-block-end: 8px;
}

h3 {
  font-size: 1.0625rem;
  font-weight: 600;
  margin: 0 0 4px;
  overflow-wrap: anywhere;
}

h4 {
  color: var(--muted);
  font-size: 0.8125rem;
  font-weight: 600;
  margin: 12px 0 4px;
}

p,
ul {
  margin: 0 0 12px;
}

code,
pre {
  font-family: var(--code);
  font-size: 0.8125rem;
}

pre {
  background: var(--sunk);
  border-radius: 4px;
  overflow-wrap: anywhere;
  padding: 12px;
  white-space: pre-wrap;
}

.muted {
  color: var(--muted);
}

.method {
  color: var(--accent);
  font-family: var(--code);
  font-size: 0.8125rem;
}

main {
  max-width: 60rem;
  padding: 40px 24px 64px;
}

.welcome {
  margin-inline: auto;
  max-width: 44rem;
}

/* Each entry hangs on a spine. */
.entry {
  border-inline-start: 3px solid var(--hairline);
  margin-block: 24px;
  padding-inline-start: 16px;
}

.entry:target {
  border-color: var(--accent);
}

table {
  border-collapse: collapse;
  display: block;
  max-width: 100%;
  overflow-x: auto;
}

th,
td {
  border-block-end: 1px solid var(--hairline);
  padding: 4px 16px 4px 0;
  text-align: start;
  vertical-align: top;
}

th {
  color: var(--muted);
  font-size: 0.75rem;
  font-weight: 600;
}

td code {
  overflow-wrap: anywhere;
}

td:first-child {
  white-space: nowrap;
}

tr:target td {
  background: var(--sunk);
}

/* On a narrow screen the contents must not stand before the page. */
nav {
  border-block-end: 1px solid var(--hairline);
  max-block-size: 45dvh;
  overflow-y: auto;
  padding: 24px;
}

nav .title {
  font-size: 1.3125rem;
}

nav h2 {
  border: 0;
  font-size: 1.0625rem;
  margin: 16px 0 4px;
  padding: 0;
}

nav h3 {
  color: var(--muted);
  font-size: 0.75rem;
}

nav ul {
  columns: 2;
  list-style: none;
  padding: 0;
}

nav a {
  text-decoration: none;
}

nav a:hover {
  text-decoration: underline;
}

@media (width >= 720px) {
  body:has(> nav) {
    display: grid;
    grid-template-columns: 272px minmax(0, 1fr);
  }

  nav {
    block-size: 100dvh;
    border-block-end: 0;
    border-inline-end: 1px solid var(--hairline);
    inset-block-start: 0;
    max-block-size: none;
    position: sticky;
  }

  nav ul {
    columns: 1;
  }
}
`;
