import { expect, signIn, test } from './test';

test('a session that an admin revokes is thrown out at its next step', async ({ page, server, another }) => {
  const account = await server.newUser('user');
  await signIn(page, account, '/embeddings');

  const admin = await another(server.admin, `/users/${account.user.id}?tab=sessions`);
  await admin.getByRole('button', { name: /^Revoke Chrom/ }).click();
  await admin.getByRole('alertdialog').getByRole('button', { name: 'Revoke' }).click();
  await expect(admin.getByText('Not signed in anywhere.')).toBeVisible();

  await page.getByRole('link', { name: 'Account' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in to Paddock' })).toBeVisible();
});

for (const how of ['session is revoked', 'account is disabled']) {
  test(`whose ${how} in the middle of an answer is told what happened and what to do`, async ({
    page,
    server,
    another,
  }) => {
    const account = await server.newUser('user');
    const { id } = account.user;
    void server.upstream.answer(`Go on while the ${how}`, async function* () {
      yield 'The beginning';
      await new Promise(() => {});
    });
    await signIn(page, account, '/chat');
    await page.getByLabel('Message').fill(`Go on while the ${how}`);
    await page.keyboard.press('Enter');
    const answer = page.getByRole('article', { name: 'Answer' });
    await expect(answer).toContainText('The beginning');

    if (how === 'account is disabled') await server.users.updateUser({ id, active: false });
    else {
      const admin = await another(server.admin, `/users/${id}?tab=sessions`);
      await admin.getByRole('button', { name: /^Revoke Chrom/ }).click();
      await admin.getByRole('alertdialog').getByRole('button', { name: 'Revoke' }).click();
    }
    await expect(page.getByRole('heading', { name: 'Sign in to Paddock' })).toBeVisible();
    await expect(page.getByRole('note')).toHaveText(
      'You were signed out: the session ran out, or it was ended elsewhere. Sign in again; if that is refused, ask an admin.',
    );

    await server.users.updateUser({ id, active: true });
    await page.getByLabel('Email').fill(account.email);
    await page.getByLabel('Password', { exact: true }).fill(account.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(answer).toContainText('The beginning');
    await expect(answer.getByRole('alert')).toContainText(
      'Your session, or your right to do this, ended meanwhile. Sign in again; if that is refused, ask an admin. What arrived is kept.',
    );
    await page.getByRole('button', { name: /menu$/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await expect(page.getByRole('heading', { name: 'Sign in to Paddock' })).toBeVisible();
    await expect(page.getByRole('note')).toBeHidden();
  });
}

test('a sign-in leaves nothing that a script could carry away', async ({ page, context, server }) => {
  await signIn(page, await server.newUser('user'), '/account');
  await expect(page.getByText('This session')).toBeVisible();
  const { cookies, origins } = await context.storageState();
  expect(cookies).toMatchObject([{ httpOnly: true, sameSite: 'Strict' }]);
  expect(origins.flatMap(({ localStorage }) => localStorage)).toEqual([
    { name: 'paddock.signed-in', value: '1' },
  ]);
});

test('signing out in one tab signs out the other', async ({ page, context, server }) => {
  await signIn(page, await server.newUser('user'), '/account');
  const tab = await context.newPage();
  await tab.goto('/chat');
  await expect(tab.getByLabel('Message')).toBeVisible();

  await page.getByRole('button', { name: /menu$/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  for (const one of [page, tab])
    await expect(one.getByRole('heading', { name: 'Sign in to Paddock' })).toBeVisible();
  await tab.goto('/chat');
  await expect(tab.getByRole('heading', { name: 'Sign in to Paddock' })).toBeVisible();
});

test('after too many wrong passwords, the sign-in says how long to wait', async ({ page, server }) => {
  const { email } = await server.newUser('user');
  await page.clock.setFixedTime(new Date()); // the countdown stands still
  await page.goto('/sign-in');
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password', { exact: true }).fill('a guess');
  const refused = page.getByRole('alert');
  const wait = page.getByRole('button', { name: /^Wait \d+ s$/ });
  for (let status = 0; status !== 429;) {
    const answered = page.waitForResponse((response) => response.url().endsWith('/Login'));
    await page.getByRole('button', { name: 'Sign in' }).click();
    status = (await answered).status();
  }
  await expect(wait).toBeDisabled();
  await expect(refused).toContainText(/Try again in \d+ s/);

  await page.clock.setFixedTime(new Date(Date.now() + 60_000));
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeEnabled();
});
