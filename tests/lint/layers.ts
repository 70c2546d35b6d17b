// The project's own lint rules: which file may import which, and what a file looks like.

/** Layers from the bottom up; a file may import its own layer and those below. */
const LAYERS = ["kv", "realtime", "routes", "main"];

/** The contexts of kv/, each with those it may import besides itself and the files at the top of kv/. */
const CONTEXTS: Readonly<Record<string, readonly string[]>> = {
  log: [],
  jobs: [],
  accounts: ["log", "jobs"],
  rooms: ["accounts", "log", "jobs"],
  messages: ["rooms", "accounts", "log", "jobs"],
  receipts: ["rooms", "accounts", "log", "jobs"],
};

/** Files at the top of kv/ that may import contexts: the table of operations, and types for what operations are given. */
const TABLE = "kv/operations.ts";
const CORE = "kv/core.ts";

const STORE = "kv/store.ts";
const SOCKETS = "realtime/sockets/";
const HONO = /^(npm:)?(@hono\/|hono(@|\/|$))/;
const WS = /^(npm:)?ws(@|\/|$)/;
const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** What a statement or expression that names another module says of it. */
interface Import {
  /** The importing file, from the project's root, e.g. `kv/store.ts`. */
  readonly from: string;
  /** The imported file likewise, or the specifier of a package. */
  readonly to: string;
  readonly typesOnly: boolean;
}

const plugin: Deno.lint.Plugin = {
  name: "kvorum",
  rules: {
    "layers": importRule(whyNotBelow),
    "contexts": importRule(whyNotContext),
    "hono-in-routes-only": importRule(({ from, to }) =>
      HONO.test(to) && layerOf(from) !== null &&
        !from.startsWith("routes/")
        ? "Hono is only for routes/: take what you need as a parameter."
        : null
    ),
    "ws-in-sockets-only": importRule(({ from, to }) =>
      WS.test(to) && layerOf(from) !== null &&
        !from.startsWith(SOCKETS)
        ? `npm ws is only for ${SOCKETS}: use the socket port.`
        : null
    ),
    "deno-kv-in-store-only": { create: refuseDenoKv },
    "file-header": { create: requireHeader },
    "no-barrel": { create: refuseBarrel },
  },
};
export default plugin;

function whyNotBelow({ from, to }: Import): string | null {
  if (from.startsWith("web/") && layerOf(to) !== null) {
    return "web/ runs in browsers: it can't import the server.";
  }
  const [user, used] = [layerOf(from), layerOf(to)];
  if (user === null) return null;
  if (used === null) {
    return /^(tests|bench|docs|web)\/.*\.ts$/.test(to)
      ? `The server can't import ${to}: it is no part of it.`
      : null;
  }
  return LAYERS.indexOf(used) > LAYERS.indexOf(user)
    ? `${user} can't import ${used}: imports go main -> routes -> realtime -> kv.`
    : null;
}

function whyNotContext({ from, to, typesOnly }: Import): string | null {
  const [user, used] = [contextOf(from), contextOf(to)];
  if (!from.startsWith("kv/") || used === null || user === used) return null;
  if (from === TABLE || from === CORE && typesOnly) return null;
  if (user === null) {
    return from === CORE
      ? `${CORE} only knows the types of contexts: write \`import type\`.`
      : `A file at the top of kv/ can't import a context; only ${TABLE} does.`;
  }
  const allowed = CONTEXTS[user];
  if (allowed === undefined) {
    return `kv/${user}/ is no context yet: say in tests/lint/layers.ts what it may import.`;
  }
  return allowed.includes(used)
    ? null
    : `kv/${user}/ can't import kv/${used}/, only ${
      ["the top of kv/", ...allowed].join(", ")
    }.`;
}

/** Runs `whyNot` on each import of a file, of whatever form; what it answers is reported. */
function importRule(whyNot: (found: Import) => string | null): Deno.lint.Rule {
  return {
    create(context) {
      const from = placeOf(context.filename);
      const judge = (
        node: Deno.lint.Node,
        specifier: unknown,
        typesOnly: boolean,
      ) => {
        if (typeof specifier !== "string") return;
        const to = resolve(specifier, from);
        const message = whyNot({ from, to, typesOnly });
        if (message !== null) context.report({ node, message });
      };
      return {
        ImportDeclaration: (node) =>
          judge(node, node.source.value, node.importKind === "type"),
        ExportAllDeclaration: (node) =>
          judge(node, node.source.value, node.exportKind === "type"),
        ExportNamedDeclaration: (node) =>
          judge(node, node.source?.value, node.exportKind === "type"),
        ImportExpression: (node) =>
          judge(node, "value" in node.source ? node.source.value : null, false),
      };
    },
  };
}

function refuseDenoKv(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  const place = placeOf(context.filename);
  if (place === STORE || layerOf(place) === null) return {};
  const message = `Deno.Kv is only for ${STORE}: use the Store it opens.`;
  const isKv = (owner: Deno.lint.Node, name: Deno.lint.Node) =>
    owner.type === "Identifier" && owner.name === "Deno" &&
    name.type === "Identifier" &&
    /^(Kv|openKv|AtomicOperation)/.test(name.name);
  return {
    MemberExpression(node) {
      if (isKv(node.object, node.property)) context.report({ node, message });
    },
    TSQualifiedName(node) {
      if (isKv(node.left, node.right)) context.report({ node, message });
    },
  };
}

function requireHeader(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  return {
    Program() {
      if (/^(\/\/|\/\*)/.test(context.sourceCode.text)) return;
      context.report({
        range: [0, 1],
        message: "A file begins with a comment that says what it owns.",
      });
    },
  };
}

function refuseBarrel(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  return {
    Program(node) {
      const barrel = node.body.length > 0 &&
        node.body.every((statement) =>
          statement.type === "ExportAllDeclaration" ||
          statement.type === "ExportNamedDeclaration" &&
            statement.source !== null
        );
      if (barrel) {
        context.report({
          node,
          message:
            "A file can't only pass on others' exports: import them where they are made.",
        });
      }
    },
  };
}

function layerOf(place: string): string | null {
  if (place === "main.ts") return "main";
  const folder = place.split("/")[0]!;
  return place.includes("/") && LAYERS.includes(folder) ? folder : null;
}

function contextOf(place: string): string | null {
  return place.match(/^kv\/([^/]+)\//)?.[1] ?? null;
}

function placeOf(filename: string): string {
  return filename.startsWith(ROOT) ? filename.slice(ROOT.length) : filename;
}

function resolve(specifier: string, from: string): string {
  return /^\.{1,2}\//.test(specifier)
    ? new URL(specifier, `file:///${from}`).pathname.slice(1)
    : specifier;
}
