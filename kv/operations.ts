// Everything Kvorum can be asked to do. REST, sockets, documents and the parity test all read this table.
import { deleteMe } from "./accounts/deletion.ts";
import { createKey, listKeys, revokeKey } from "./accounts/key_operations.ts";
import { logIn } from "./accounts/login.ts";
import { createSession, createUser, findUser } from "./accounts/made_users.ts";
import { searchUsers } from "./accounts/search.ts";
import {
  endAllSessions,
  endOwnSession,
  listSessions,
  logOut,
  readSession,
  refresh,
} from "./accounts/session_operations.ts";
import { setSuspended } from "./accounts/suspension.ts";
import { createTicket } from "./accounts/tickets.ts";
import { getUser, readMe, updateMe } from "./accounts/users.ts";
import { deleteMessage, editMessage } from "./messages/edit.ts";
import { getMessage, readHistory } from "./messages/history.ts";
import { sendMessage } from "./messages/send.ts";
import type { Operation } from "./operation.ts";
import { markRead } from "./receipts/read.ts";
import { acceptInvite } from "./rooms/accept.ts";
import { changeRoom, getRoom } from "./rooms/change.ts";
import { listChannels } from "./rooms/channels.ts";
import { createRoom } from "./rooms/create.ts";
import { deleteRoom } from "./rooms/deletion.ts";
import { createInvite, listInvites, revokeInvite } from "./rooms/invites.ts";
import { joinRoom, leaveRoom } from "./rooms/join.ts";
import {
  addToRoom,
  changeMember,
  listMembers,
  removeFromRoom,
} from "./rooms/members.ts";
import { listRooms } from "./rooms/list.ts";
import { register } from "./rooms/register.ts";

export const OPERATIONS: readonly Operation[] = [
  register,
  logIn,
  refresh,
  logOut,
  listSessions,
  endAllSessions,
  readSession,
  endOwnSession,
  createTicket,

  readMe,
  updateMe,
  deleteMe,
  getUser,
  searchUsers,

  createUser,
  findUser,
  setSuspended,
  createSession,
  createKey,
  listKeys,
  revokeKey,

  createRoom,
  listRooms,
  listChannels,
  getRoom,
  changeRoom,
  deleteRoom,
  joinRoom,
  leaveRoom,

  listMembers,
  addToRoom,
  changeMember,
  removeFromRoom,

  listInvites,
  createInvite,
  revokeInvite,
  acceptInvite,

  sendMessage,
  getMessage,
  readHistory,
  editMessage,
  deleteMessage,

  markRead,
];
