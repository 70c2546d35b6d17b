// A socket that showed at the upgrade whose it is and has yet to say hello: it waits no longer than its session lives.
import type { Ring } from "../../kv/log/feed.ts";
import type { Principal } from "../../kv/principal.ts";
import type { UserFollower } from "../hub.ts";
import { attend, leave } from "./attendance.ts";
import { endWithSession } from "./closing.ts";
import type { Host } from "./entry.ts";

export class Waiting implements UserFollower {
  constructor(private readonly host: Host, private readonly who: Principal) {
    attend(host.shared.hub, who, this);
    // Between the upgrade's check and this moment nobody listened.
    this.missed();
  }

  rung(ring: Extract<Ring, { user: string }>): void {
    const { session, key } = this.who;
    if (ring.what === "session" && ring.session === session) {
      void endWithSession(this.host, session);
    }
    // A service key outlives the user for whom it acts, a session does not.
    if (ring.what === "profile" && key) this.missed();
  }

  peerChanged(): void {}

  missed(): void {
    void this.host.requireLive(this.who);
  }

  leave(): void {
    leave(this.host.shared.hub, this.who, this);
  }
}
