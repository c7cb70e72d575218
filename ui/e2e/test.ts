import { expect, test as base, type BrowserContext, type Page } from '@playwright/test';
import { type Account, Server, type Start } from './server';

export { expect, type Page } from '@playwright/test';

/** What went wrong in a browser although nobody sees it. */
export class Watch {
  readonly found: string[] = [];
  readonly #origin: string;

  constructor(url: string) {
    this.#origin = new URL(url).origin;
  }

  /** Watches all pages of a browser context, from before their first script on. */
  async over(context: BrowserContext): Promise<void> {
    context.on('request', (request) => this.#reach(request.url()));
    context.on('page', (page) => page.on('websocket', (socket) => this.#reach(socket.url())));
    context.on('weberror', (error) => this.found.push(`uncaught: ${error.error().message}`));
    context.on('console', (message) => {
      // A refusal by the server is not the page's fault, and the page has to show it.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource: the server'))
        this.found.push(`console: ${message.text()}`);
    });
    await context.exposeFunction('reportViolation', (violation: string) => {
      this.found.push(`CSP: ${violation}`);
    });
    await context.addInitScript(() => {
      const report = (globalThis as unknown as { reportViolation: (violation: string) => void })
        .reportViolation;
      addEventListener('securitypolicyviolation', (event) =>
        report(`${event.violatedDirective} forbids ${event.blockedURI} at ${event.sourceFile}`),
      );
    });
  }

  #reach(address: string): void {
    const url = new URL(address);
    const isOurs = url.origin === this.#origin || ['data:', 'blob:', 'about:'].includes(url.protocol);
    if (!isOurs) this.found.push(`request to another origin: ${address}`);
  }
}

interface Fixtures {
  /** Empty at the end of every test, or the test fails. */
  watch: Watch;
  /** Another browser, with cookies and storage of its own. */
  another: (account: Account, path?: string) => Promise<Page>;
}

interface OwnServer extends Start {
  /** Runs before the first test. */
  prepare?: (server: Server) => Promise<void>;
}

/** A fixture: a server for the tests of one worker. */
export function ownServer({ prepare, ...start }: OwnServer = {}) {
  // oxlint-disable-next-line no-empty-pattern -- Playwright reads what a fixture needs from the pattern
  return async ({}, use: (server: Server) => Promise<void>) => {
    const server = new Server();
    try {
      await server.start(start);
      await prepare?.(server);
      await use(server);
    } finally {
      await server.stop();
    }
  };
}

export const test = base.extend<Fixtures, { server: Server }>({
  server: [ownServer(), { scope: 'worker' }],
  baseURL: ({ server }, use) => use(server.url),
  watch: [
    async ({ context, server }, use) => {
      const watch = new Watch(server.url);
      await watch.over(context);
      await use(watch);
      expect(watch.found, 'what the browser complained of').toEqual([]);
    },
    { auto: true },
  ],
  another: async ({ browser, watch }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (account, path) => {
      const context = await browser.newContext();
      contexts.push(context);
      await watch.over(context);
      const page = await context.newPage();
      await signIn(page, account, path);
      return page;
    });
    await Promise.all(contexts.map((context) => context.close()));
  },
});

/** Signs in as a person does, on the way to the path. */
export async function signIn(page: Page, { email, password }: Account, path = '/'): Promise<void> {
  await page.goto(path);
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in to Paddock' })).toBeHidden();
}
