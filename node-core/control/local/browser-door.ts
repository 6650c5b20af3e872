/**
 * How the browser of this computer gets in, without the owner's token ever being in an address:
 *
 * - a *ticket* is in the fragment of the address that opens the page. It works once, for a minute; fragments stay in the
 *   browser, and one that was used is worth nothing in its history.
 * - the page changes it for a *session*, which it keeps for its tab and shows after each reconnection, also when the node
 *   was restarted: the hashes of the sessions lie in the data folder, the sessions themselves nowhere.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Sha256, z } from '../../protocol/index.ts';

const fileName = 'browser.json';
const secretBytes = 32;

const ticketMs = 60_000;
const ticketsMax = 16;
const sessionMs = 30 * 24 * 3_600_000;
/** The oldest goes first. */
const sessionsMax = 32;

const BrowserFile = z.object({
  port: z.int().min(1).max(65_535).nullable(),
  sessions: z.array(z.object({ hash: Sha256, until: z.int() })).max(sessionsMax),
});
type BrowserFile = z.infer<typeof BrowserFile>;

export interface BrowserDoor {
  /** Of the last run: a page that is still open knows no other address. */
  readonly lastPort: number | null;
  newTicket(): string;
  /** @returns a session, or null. Durable before it is given out. */
  redeem(ticket: string): Promise<string | null>;
  knows(session: string): boolean;
  rememberPort(port: number): Promise<void>;
}

export async function openBrowserDoor(dataFolder: string, now: () => number = Date.now): Promise<BrowserDoor> {
  const path = join(dataFolder, fileName);
  const kept = await readKept(path);
  const tickets = new Map<string, number>();
  const live = () => kept.sessions.filter(({ until }) => until > now());

  // One write after the other, so that the file is always one of them.
  let writing: Promise<void> = Promise.resolve();
  function save(): Promise<void> {
    const text = `${JSON.stringify(kept)}\n`;
    writing = writing
      .catch(() => {})
      .then(async () => {
        const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
        await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
        await rename(temporary, path);
      });
    return writing;
  }

  return {
    lastPort: kept.port,
    newTicket() {
      const ticket = randomBytes(secretBytes).toString('base64url');
      if (tickets.size >= ticketsMax) for (const oldest of [...tickets.keys()].slice(0, 1)) tickets.delete(oldest);
      tickets.set(hashOf(ticket), now() + ticketMs);
      return ticket;
    },
    async redeem(ticket) {
      const hash = hashOf(ticket);
      const until = tickets.get(hash);
      tickets.delete(hash);
      if (until === undefined || until <= now()) return null;
      const session = randomBytes(secretBytes).toString('base64url');
      kept.sessions = [...live(), { hash: hashOf(session), until: now() + sessionMs }].slice(-sessionsMax);
      await save();
      return session;
    },
    // Looked up by hash: how long that takes tells nothing of the session itself.
    knows: (session) => live().some(({ hash }) => hash === hashOf(session)),
    async rememberPort(port) {
      if (kept.port === port) return;
      kept.port = port;
      await save();
    },
  };
}

/** What is damaged is begun anew: the owner opens the page again. */
async function readKept(path: string): Promise<BrowserFile> {
  try {
    return BrowserFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return { port: null, sessions: [] };
  }
}

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');
