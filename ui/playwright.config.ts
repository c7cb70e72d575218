import { defineConfig } from '@playwright/test';

/** `make e2e` builds what the tests run and says in CHROMIUM where the browser is. */
export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  fullyParallel: true,
  workers: 2,
  forbidOnly: !!process.env.CI,
  timeout: 60_000, // for a busy machine
  expect: { timeout: 15_000 },
  reporter: [['list'], ['./e2e/closing-line.ts']],
  use: {
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--font-render-hinting=none',
      ],
    },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
  },
  // npm run figures measures in place of testing, npm run pictures takes the README's.
  projects: [
    process.env.FIGURES
      ? { name: 'figures', testMatch: '*.figures.ts', workers: 1 }
      : process.env.PICTURES
        ? { name: 'pictures', testMatch: '*.pictures.ts', workers: 1 }
        : { name: 'e2e', testMatch: '*.spec.ts' },
  ],
});
