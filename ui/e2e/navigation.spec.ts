import { expect, signIn, test } from './test';

test('a deep link leads through the sign-in to its drawer, survives a reload, and Back closes the drawer', async ({
  page,
  server,
}) => {
  const { email, user } = await server.newUser('user');
  const list = `/users?q=${encodeURIComponent(email)}`;
  await signIn(page, server.admin, list);
  const row = page.getByRole('table', { name: 'Users' }).getByRole('link', { name: email });
  await row.click();
  const drawer = page.getByRole('dialog', { name: email });
  await drawer.getByRole('tab', { name: 'Sessions' }).click();
  await expect(drawer.getByText('Not signed in anywhere.')).toBeVisible();
  const address = new URL(page.url());
  expect(address.pathname).toBe(`/users/${user.id}`);
  expect(address.searchParams.get('q')).toBe(email);

  await page.reload();
  await expect(drawer.getByText('Not signed in anywhere.')).toBeVisible();
  await page.goBack();
  await expect(drawer).toBeHidden();
  await expect(page.getByLabel('Search users')).toHaveValue(email);
  await expect(row).toBeVisible();
});

test('the keyboard alone opens the command menu, finds a panel and goes there', async ({ page, server }) => {
  await signIn(page, server.admin);
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible();
  await page.keyboard.press('ControlOrMeta+k');
  await expect(page.getByRole('combobox', { name: 'Search or jump to' })).toBeFocused();
  await page.keyboard.type('audit');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Audit log' })).toBeVisible();
  await page.keyboard.press('g');
  await page.keyboard.press('c');
  await expect(page.getByLabel('Message')).toBeFocused();
});

test('the keyboard alone opens a user, and comes back to where it was', async ({ page, server }) => {
  const { email } = await server.newUser('user');
  await signIn(page, server.admin, '/users');
  const row = page.getByRole('link', { name: email });
  await expect(row).toBeVisible();
  await page.keyboard.press('j');
  await expect(row).toBeFocused(); // the newest stands first
  await page.keyboard.press('Enter');
  const drawer = page.getByRole('dialog', { name: email });
  await expect(drawer.getByLabel('Display name')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(drawer).toBeHidden();
  await expect(row).toBeFocused();
});

test('a chosen theme stays, and another tab follows', async ({ page, context, server }) => {
  await signIn(page, await server.newUser('user'), '/account');
  const tab = await context.newPage();
  await tab.goto('/account');
  await page.getByRole('button', { name: /menu$/ }).click();
  await page.getByRole('menuitemradio', { name: 'Dark' }).click();
  for (const one of [page, tab]) await expect(one.locator('html')).toHaveCSS('color-scheme', 'dark');
  await page.reload();
  await expect(page.locator('html')).toHaveCSS('color-scheme', 'dark');
});
