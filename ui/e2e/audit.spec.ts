import { readFile } from 'node:fs/promises';
import { expect, ownServer, signIn, test as base } from './test';

const CREATED = 230;

const test = base.extend({
  server: [
    ownServer({
      prepare: async (server) => {
        for (let i = 0; i < CREATED; i++) await server.users.createUser({ email: `person-${i}@example.com` });
      },
    }),
    { scope: 'worker' },
  ],
});

test('chart and export have the whole window, not the page that is shown', async ({ page, server }) => {
  await signIn(page, server.admin, '/audit?event=user_created&limit=20&window=hour');
  await expect(page.getByText('20 entries · older ones on the next page')).toBeVisible();
  await expect(page.getByRole('img', { name: /^230 entries, / })).toBeVisible();

  for (const [format, lines] of [
    ['CSV', CREATED + 1],
    ['JSON lines', CREATED],
  ] as const) {
    await page.getByRole('button', { name: 'Export all' }).click();
    const saving = page.waitForEvent('download');
    await page.getByRole('menuitem', { name: format }).click();
    const text = await readFile(await (await saving).path(), 'utf8');
    expect(text.trim().split('\n')).toHaveLength(lines);
    expect(text).toContain('person-0@example.com');
    await expect(page.getByText('Exported 230 entries').first()).toBeVisible();
  }
});

test('the failed sign-ins of the overview are as many as the list that it leads to', async ({
  page,
  server,
}) => {
  for (const password of ['one', 'two', 'three'])
    await fetch(`${server.url}/paddock.v1.AuthService/Login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ email: 'nobody@example.com', password }),
    });
  await signIn(page, server.admin);
  await page.getByRole('link', { name: /^Failed sign-ins today ?3/ }).click();
  await expect(page.getByText('3 entries · none older')).toBeVisible();
});
