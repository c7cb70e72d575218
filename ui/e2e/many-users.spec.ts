import { crowd } from './people';
import { expect, ownServer, signIn, test as base } from './test';

// A server of its own, for so many would be in the way of the other tests.
const test = base.extend({
  server: [ownServer({ prepare: (server) => crowd(server, 9_999) }), { scope: 'worker', timeout: 120_000 }],
});

test('among 10,000 users, pages follow each other and a search finds the one', async ({ page, server }) => {
  await signIn(page, server.admin, '/users');
  const rows = page.getByRole('table', { name: 'Users' }).getByRole('link');
  const pages = page.getByRole('navigation', { name: 'Pages' });
  await expect(pages).toContainText('1–25 of 10,000 users');
  const first = await rows.allTextContents();

  const seen = new Set(first);
  for (const range of ['26–50', '51–75', '76–100']) {
    await pages.getByRole('button', { name: 'Next' }).click();
    await expect(pages).toContainText(`${range} of 10,000 users`);
    for (const email of await rows.allTextContents()) seen.add(email);
  }
  expect(seen.size).toBe(100);
  await page.goBack();
  await expect(pages).toContainText('51–75 of 10,000 users');
  await page.reload();
  await expect(pages).toContainText('51–75 of 10,000 users');

  await page.getByLabel('Search users').fill('person-0815');
  await expect(pages).toContainText('1–1 of 1 user');
  await expect(rows).toHaveText(['person-0815@example.com']);
  await page.getByLabel('Search users').fill('person-08');
  await expect(pages).toContainText('1–25 of 100 users');
});
