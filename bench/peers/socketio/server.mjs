// A chat server as one begins with Socket.IO 4 and PostgreSQL: a message is a row before it is told to the room and acknowledged.
import { createServer } from "node:http";
import pg from "pg";
import { Server } from "socket.io";

/** Where the database is, the environment says (PGHOST, PGUSER, …). Ten connections: more were no faster. */
const pool = new pg.Pool({ max: 10 });

await pool.query(`
  CREATE TABLE messages (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room text NOT NULL,
    sender text NOT NULL,
    text text NOT NULL,
    sent_at timestamptz NOT NULL DEFAULT now()
  )`);

/** Its name has every connection of the pool prepare it once. */
const INSERT = {
  name: "insert-message",
  text: `INSERT INTO messages (room, sender, text) VALUES ($1, $2, $3)
         RETURNING seq, sent_at`,
};

const server = createServer();
const io = new Server(server, {
  transports: ["websocket"],
  perMessageDeflate: false,
  serveClient: false,
});

io.on("connection", (socket) => {
  const sender = socket.handshake.auth.name;

  socket.on("join", (room, ack) => {
    socket.join(room);
    ack({ ok: true });
  });

  socket.on("message", async ({ room, text }, ack) => {
    try {
      const values = [room, sender, text];
      const { rows } = await pool.query({ ...INSERT, values });
      const { seq, sent_at: at } = rows[0];
      const message = { seq: Number(seq), room, sender, text, at };
      io.to(room).emit("message", message);
      ack({ ok: true, seq: message.seq });
    } catch (error) {
      console.error(error);
      ack({ ok: false });
    }
  });
});

server.listen(0, "127.0.0.1", () => {
  console.log(`Listening on port ${server.address().port}.`);
});
