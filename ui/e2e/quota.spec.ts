import { expect, signIn, test } from './test';

test('a quota that an admin sets is seen by the member, who reads in the chat when it is used up', async ({
  page,
  server,
  another,
}) => {
  const member = await server.newUser('user');
  // With the prompt's 10, the 40 tokens of the quota.
  void server.upstream.answer('Thirty words, please', () =>
    Array.from({ length: 30 }, (_, i) => `word-${i} `),
  );

  await signIn(page, server.admin, `/users/${member.user.id}?tab=usage`);
  const drawer = page.getByRole('dialog', { name: member.email });
  const today = { name: 'Tokens today' };
  await test.step('the admin sets it', async () => {
    await expect(drawer.getByText('They have not called a model in this time.')).toBeVisible();
    await drawer.getByLabel('Tokens a day').fill('40');
    await drawer.getByRole('button', { name: 'Save quota' }).click();
    await expect(page.getByText(`Quota of ${member.email} saved`)).toBeVisible();
    await expect(drawer.getByRole('meter', today)).toHaveAttribute('aria-valuetext', '0 of 40 used');
  });

  const mine = await another(member, '/account');
  await test.step('the member sees it, and nothing used', async () => {
    await expect(mine.getByRole('meter', today)).toHaveAttribute('aria-valuetext', '0 of 40 used');
    await expect(mine.getByText('No model has been called yet.')).toBeVisible();
  });

  await test.step('the chat answers until it is used up, and then says so', async () => {
    await mine.getByRole('link', { name: 'Ollama chat' }).click();
    await mine.getByLabel('Message').fill('Thirty words, please');
    await mine.keyboard.press('Enter');
    await expect(mine.getByRole('article', { name: 'Answer' })).toContainText('30 tokens');
    await mine.getByLabel('Message').fill('Another thirty, please');
    await mine.keyboard.press('Enter');
    const refusal = mine.getByRole('article', { name: 'Answer' }).last().getByRole('alert');
    await expect(refusal).toContainText(
      /Token quota exceeded: 40 of 40 tokens used this day.*It resets in \d/,
    );
    await refusal.getByRole('link', { name: 'account page' }).click();
  });

  await test.step('the account page tells what it went on', async () => {
    await expect(mine.getByRole('meter', today)).toHaveAttribute('aria-valuetext', '40 of 40 used');
    await expect(mine.getByText(/Used up: calls are refused/)).toBeVisible();
    await expect(mine.getByText('40 tokens in 1 request')).toBeVisible();
    await expect(
      mine.getByRole('table', { name: 'Usage by model' }).getByRole('row', { name: /^tiny-.+ 1 40$/ }),
    ).toBeVisible();
    await mine.getByRole('button', { name: 'By API key' }).click();
    await expect(mine.getByRole('row', { name: 'Signed in, without a key 1 40' })).toBeVisible();
  });

  await test.step('and so does the admin’s drawer', async () => {
    await page.reload();
    await expect(drawer.getByRole('meter', today)).toHaveAttribute('aria-valuetext', '40 of 40 used');
    await expect(drawer.getByText('40 tokens in 1 request')).toBeVisible();
  });
});
