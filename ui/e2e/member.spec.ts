import { expect, signIn, test } from './test';

test('a member sees chat, embeddings and the own account, and no admin panel by its address', async ({
  page,
  server,
}) => {
  await signIn(page, await server.newUser('user'));
  const menu = page.getByRole('navigation', { name: 'Panels' });
  await expect(menu.getByRole('link')).toHaveText(['Ollama chat', 'Embeddings', 'Account']);

  for (const path of ['/users', '/users/new', '/audit']) {
    await page.goto(path);
    await expect(page.getByRole('heading', { name: 'Not authorised' })).toBeVisible();
  }
});

test('who has no role reads whom to ask, and is let in as soon as it is given', async ({ page, server }) => {
  const account = await server.newUser();
  await signIn(page, account);
  await expect(page.getByText(/Ask an admin of this installation/)).toBeVisible();
  await expect(page.getByRole('navigation', { name: 'Panels' }).getByRole('link')).toHaveText(['Account']);

  const user = [{ kind: { case: 'stringValue' as const, value: 'user' } }];
  await server.users.updateUser({ id: account.user.id, roles: { values: user } });
  await page.getByRole('button', { name: 'Look again' }).click();
  await expect(page.getByLabel('Message')).toBeVisible();
});
