/** The loopback WebSocket, for the page in a browser: in by a ticket from the address, then by the session it gave. */
import { z } from '../../node-core/protocol/index.ts';
import type { Carrier } from './carrier.ts';
import { requestText } from './wire.ts';

/** Close code of the node for a wrong token, ticket or session. */
const notAuthenticated = 4401;
const sessionKey = 'infernet.session';

const Entered = z.object({ id: z.literal(0), result: z.object({ session: z.string().optional() }) });

/** @param ticket out of the address, once. */
export function webSocketCarrier(url: string, ticket: string | null): Carrier {
  let unused = ticket;
  return {
    open({ ready, text, closed }) {
      const session = sessionStorage.getItem(sessionKey);
      const secret = unused !== null ? { ticket: unused } : session !== null ? { session } : null;
      if (secret === null) {
        queueMicrotask(() => closed({ reason: 'no ticket', refused: true }));
        return { send: () => {}, close: () => {} };
      }
      const socket = new WebSocket(url);
      let entered = false;
      socket.addEventListener('open', () => socket.send(requestText(0, 'auth', secret)));
      socket.addEventListener('message', ({ data }) => {
        if (typeof data !== 'string') return;
        if (entered) {
          text(data);
          return;
        }
        const answer = Entered.safeParse(JSON.parse(data));
        if (!answer.success) return;
        entered = true;
        unused = null;
        const given = answer.data.result.session;
        if (given !== undefined) sessionStorage.setItem(sessionKey, given);
        ready();
      });
      socket.addEventListener('close', ({ code, reason }) => {
        const refused = code === notAuthenticated;
        if (refused && unused !== null && session !== null) {
          // The address was opened a second time, as after a reload: the session still holds.
          unused = null;
          closed({ reason, refused: false });
          return;
        }
        closed({ reason: reason === '' ? `code ${code}` : reason, refused });
      });
      return { send: (message) => socket.send(message), close: () => socket.close() };
    },
  };
}
