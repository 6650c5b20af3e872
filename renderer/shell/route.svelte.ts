/** Where in the interface one is: the fragment of the address, so that back, forward and reload do what they do elsewhere. */

export const pages = ['dashboard', 'submit', 'chat', 'jobs', 'providers', 'wallet', 'logs', 'settings'] as const;
export type PageName = (typeof pages)[number];

export interface Route {
  readonly page: PageName;
  /** As the job in `#/jobs/3fa9…`. */
  readonly id: string | null;
  readonly query: URLSearchParams;
}

function parse(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [name = '', id = ''] = path.split('/', 2);
  const page = pages.find((one) => one === name) ?? 'dashboard';
  return { page, id: id === '' ? null : decodeURIComponent(id), query: new URLSearchParams(query) };
}

class Router {
  route = $state.raw<Route>(parse(location.hash));

  constructor() {
    addEventListener('hashchange', () => {
      this.route = parse(location.hash);
    });
  }

  go(to: string): void {
    location.hash = to;
  }
}

export const href = (page: PageName, id?: string, query: Readonly<Record<string, string>> = {}): string => {
  const search = new URLSearchParams(query).toString();
  return `#/${page}${id === undefined ? '' : `/${encodeURIComponent(id)}`}${search === '' ? '' : `?${search}`}`;
};

/** Takes a ticket out of the address before anything else reads it, and before it is kept in the history. */
export function takeTicket(): string | null {
  const ticket = /^#ticket=(?<ticket>[\w-]{1,100})$/.exec(location.hash)?.groups?.['ticket'] ?? null;
  if (ticket !== null) history.replaceState(null, '', `${location.pathname}#/`);
  return ticket;
}

export const router = new Router();
