import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium, type Browser } from '@playwright/test';
import lighthouse, { desktopConfig } from 'lighthouse';
import { crowd } from './people';
import { expect, ownServer, type Page, signIn, test as base } from './test';

// Measurements, not tests: they print, and judge nothing.
const test = base.extend({
  server: [ownServer({ prepare: (server) => crowd(server, 9_999) }), { scope: 'worker', timeout: 120_000 }],
});
test.setTimeout(120_000);

test('what the sign-in loads first', async ({ page }) => {
  await page.goto('/sign-in');
  await expect(page.getByLabel('Email')).toBeFocused();
  const sizes = await page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .map((entry) => entry as PerformanceResourceTiming)
      .map(({ name, encodedBodySize }) => ({ name, encodedBodySize })),
  );
  for (const kind of ['js', 'css', 'woff2']) {
    const bytes = sizes
      .filter(({ name }) => name.endsWith(`.${kind}`))
      .reduce((sum, one) => sum + one.encodedBodySize, 0);
    figure(`sign-in, ${kind}`, `${(bytes / 1000).toFixed(1)} kB compressed`);
  }
});

test('an answer of 2,000 tokens at 100 a second', async ({ page, browser, server }) => {
  const paragraph =
    'A **gate** has two sides, see [the manual](https://example.com).\n\n- one\n- two, with `code`\n\n```go\nfunc Open() error {\n\treturn nil // for now\n}\n```\n\n';
  const tokens = Array.from({ length: 100 }, () => paragraph.split(/(?<=[ \n])/))
    .flat()
    .slice(0, 2000);
  void server.upstream.answer('Go on', async function* () {
    const begun = performance.now();
    for (const [i, token] of tokens.entries()) {
      await sleep(begun + i * 10 - performance.now());
      yield token;
    }
  });
  await signIn(page, await server.newUser('user'), '/chat');
  await page.getByLabel('Message').fill('Go on');
  const tasks = await tasksDuring(browser, page, async () => {
    await page.keyboard.press('Enter');
    await expect(page.getByRole('article', { name: 'Answer' })).toContainText('tokens/s', {
      timeout: 60_000,
    });
  });
  report('chat, 2,000 tokens at 100/s', tasks);
});

test('paging through 10,000 users', async ({ page, browser, server }) => {
  await signIn(page, server.admin, '/users');
  const pages = page.getByRole('navigation', { name: 'Pages' });
  await expect(pages).toContainText('1–25 of');
  const tasks = await tasksDuring(browser, page, async () => {
    for (let first = 26; first <= 251; first += 25) {
      await pages.getByRole('button', { name: 'Next' }).click();
      await expect(pages).toContainText(`${first}–${first + 24} of`);
    }
  });
  report('users, 10 pages of 10,000', tasks);
});

test('what Lighthouse says', async ({ launchOptions, server }) => {
  const port = await freePort();
  const { executablePath, args = [] } = launchOptions;
  const context = await chromium.launchPersistentContext('', {
    executablePath,
    args: [...args, `--remote-debugging-port=${port}`],
    baseURL: server.url,
  });
  const page = await context.newPage();
  const judge = async (path: string) => {
    const result = await lighthouse(
      server.url + path,
      {
        port,
        logLevel: 'error',
        onlyCategories: ['performance', 'accessibility', 'best-practices'],
        disableStorageReset: true,
      },
      desktopConfig,
    );
    const scores = Object.values(result!.lhr.categories).map(
      ({ title, score }) => `${title} ${Math.round((score ?? 0) * 100)}`,
    );
    figure(`Lighthouse, ${new URL(result!.lhr.finalDisplayedUrl).pathname}`, scores.join(', '));
  };
  await judge('/sign-in');
  await signIn(page, server.admin);
  for (const path of ['/', '/users', '/chat', '/embeddings', '/audit']) await judge(path);
  await context.close();
});

/** How long the tasks of the page's main thread took while something was done, in milliseconds, the longest first. */
async function tasksDuring(browser: Browser, page: Page, run: () => Promise<void>): Promise<number[]> {
  await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-devtools.timeline'] });
  await run();
  const trace = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const all = trace.traceEvents;
  const main = new Set(
    all
      .filter((event) => event.name === 'thread_name' && event.args.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid}/${tid}`),
  );
  return all
    .filter(({ name, pid, tid }) => name === 'RunTask' && main.has(`${pid}/${tid}`))
    .map(({ dur = 0 }) => dur / 1000)
    .toSorted((a, b) => b - a);
}

/** An event of Chromium's trace format; dur in microseconds. */
interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  dur?: number;
  args: { name?: string };
}

function report(what: string, tasks: number[]): void {
  const sum = tasks.reduce((all, task) => all + task, 0);
  const longest = tasks
    .slice(0, 3)
    .map((task) => task.toFixed(0))
    .join(', ');
  const long = tasks.filter((task) => task > 50).length;
  figure(
    what,
    `longest tasks ${longest} ms; ${long} over 50 ms; ${(sum / 1000).toFixed(1)} s of main thread`,
  );
}

function figure(name: string, value: string): void {
  console.log(`figure: ${name}: ${value}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
