// Kvorum beside a chat server as one begins with Socket.IO and PostgreSQL: the same talk by both in turns, in one run.
import {
  readArguments,
  readCount,
  readNumber,
  readOrExplain,
} from "../command_line.ts";
import { type Figures, formatFigure } from "../figures.ts";
import { Crowd, type Seat } from "../generator/crowd.ts";
import { describeMachine, record } from "../recorded.ts";
import { spreadsOf } from "../report.ts";
import { onStage } from "../stage.ts";
import { measureTalk } from "../talking.ts";
import { talk } from "../works/talk.ts";
import { SocketIoClient } from "./client.ts";
import { advantage, GOAL, isReached, linesOf } from "./comparison.ts";
import { requirePostgres } from "./postgres.ts";
import { installSocketIo, withSocketIo } from "./socketio.ts";

const USAGE = "deno task bench:peers [--runs 5] [--seconds 5] [--record]";

const { help, keep, runs, seconds } = readOrExplain(read, USAGE);
if (help) {
  console.log(USAGE);
  Deno.exit();
}

/** As many as in Kvorum's room. */
const SEATS = Array.from(
  { length: talk.layout.users },
  (_, i): Seat => ({ token: `user${i}`, room: "lobby" }),
);

try {
  Deno.exit(await compare() ? 0 : 1);
} catch (fault) {
  console.error("The comparison is void:", fault);
  Deno.exit(1);
}

function read() {
  const { values } = readArguments({
    options: {
      runs: { type: "string", default: "5" },
      seconds: { type: "string", default: "5" },
      record: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  return {
    help: values.help,
    keep: values.record,
    runs: readCount("runs", values.runs),
    seconds: readNumber("seconds", values.seconds),
  };
}

/** Answers whether Kvorum is as far ahead as it should be. */
async function compare(): Promise<boolean> {
  const versions = [await requirePostgres(), await installSocketIo()];
  console.log(
    `${await describeMachine()}, Deno ${Deno.version.deno}, ${
      versions.join(", ")
    }\n\n${talk.about}, in turns with a peer`,
  );
  const [ours, theirs]: [Figures[], Figures[]] = [[], []];
  for (let run = 1; run <= runs; run++) {
    ours.push(await runKvorum());
    theirs.push(await runPeer());
    const [our, their] = [ours, theirs].map((figures) =>
      formatFigure("acked", figures.at(-1)?.acked ?? NaN)
    );
    console.log(`run ${run}: ${our} acked/s, the peer ${their}`);
  }
  const [our, their] = [spreadsOf(ours), spreadsOf(theirs)];
  console.log(`\n${linesOf(our, their).join("\n")}`);
  const times = advantage("acked", our, their).toFixed(2);
  const reached = isReached(our, their);
  console.log(
    `\nKvorum acknowledges ${times} times as many messages; goal ≥ ${GOAL}: ${
      reached ? "met" : "MISSED"
    }`,
  );
  if (keep) {
    await record("peers", "kvorum", our, { runs, seconds });
    await record("peers", "socket.io", their, {
      runs,
      seconds,
      versions: versions.join(", "),
    });
  }
  return reached;
}

function runKvorum(): Promise<Figures> {
  const options = { seconds, isolates: 1, transport: "node" } as const;
  return onStage(talk, options, (stage) => talk.run(stage));
}

function runPeer(): Promise<Figures> {
  return withSocketIo(async (server) => {
    const options = { batch: false, subscribed: true };
    const { enter } = SocketIoClient;
    const crowd = await Crowd.open(server, SEATS, options, enter);
    return await measureTalk(crowd, server, seconds, (crowd) => crowd.talk());
  });
}
