import { expect, type Page, signIn, test } from './test';

test.afterEach(async ({ server }) => {
  await server.users.setRoleModels({ name: 'user' });
});

test('models that an admin takes from a role are gone from the member’s list, and refused with what is left', async ({
  page,
  server,
  another,
}) => {
  const mine = await another(await server.newUser('user'), '/chat');
  await choose(mine, 'tiny-chat:latest');

  await signIn(page, server.admin, '/users');
  await page.getByRole('link', { name: 'Roles' }).click();
  const sheet = page.getByRole('dialog', { name: 'Roles' });
  await sheet.getByRole('button', { name: 'Models of the role user' }).click();
  const dialog = page.getByRole('dialog', { name: 'Models of the role user' });
  await dialog.getByRole('switch', { name: 'All models' }).click();
  await dialog.getByRole('checkbox', { name: 'tiny-tools:latest' }).click();
  await dialog.getByRole('button', { name: 'Save models' }).click();
  await expect(sheet.getByRole('list', { name: 'Models that user may use' })).toHaveText('tiny-tools:latest');

  await mine.getByLabel('Message').fill('Who are you?');
  await mine.keyboard.press('Enter');
  const answer = mine.getByRole('article', { name: 'Answer' });
  await expect(answer.getByRole('alert')).toContainText(
    /You may not use the model \S+\.\s+Choose tiny-tools:latest\./,
  );
  await choose(mine, 'tiny-tools:latest');
  await answer.getByRole('button', { name: 'Try again' }).click();
  await expect(answer).toContainText('get_weather');

  // Nor does a new conversation begin with what is gone, and the list holds nothing else.
  await mine.goto('/chat');
  await mine.getByRole('combobox', { name: 'Model' }).click();
  await expect(mine.getByRole('option')).toHaveText([/^tiny-tools:latest/]);
});

test('a key that a member issues for one model reaches that one alone', async ({ page, server }) => {
  await signIn(page, await server.newUser('user'), '/account');
  await page.getByLabel('Label').fill('ci-token');
  await page.getByRole('button', { name: 'Models All models' }).click();
  const choice = page.getByRole('dialog', { name: 'Models of the new key' });
  await choice.getByRole('switch', { name: 'All models' }).click();
  await choice.getByRole('checkbox', { name: 'tiny-embed:latest' }).click();
  await choice.getByRole('button', { name: 'Use these' }).click();
  await page.getByRole('button', { name: 'Issue' }).click();
  const shown = page.getByRole('alertdialog', { name: 'The key ci-token' });
  const key = await shown.getByRole('textbox', { name: 'API key' }).innerText();
  const example = shown.getByRole('region', { name: 'How to use it' });
  await expect(example).toContainText(/\/v1\/embeddings.*"model": "tiny-embed:latest"/s);
  await shown.getByRole('button', { name: 'I stored it' }).click();
  await expect(page.getByRole('list', { name: 'API keys' })).toContainText('tiny-embed:latest');

  const ollama = server.ollama(key);
  const { models } = await ollama.listModels({});
  expect(models.map(({ name }) => name)).toEqual(['tiny-embed:latest']);
  const input = ['a horse'];
  expect((await ollama.embed({ model: 'tiny-embed', input })).embeddings).toHaveLength(1);
  await expect(ollama.embed({ model: 'tiny-chat', input })).rejects.toThrow(/may not use the model/);

  await page.reload();
  await page.getByRole('button', { name: 'By API key' }).click();
  await expect(page.getByRole('row', { name: /^ci-token pdk_\S+ 1 \d+$/ })).toBeVisible();
});

async function choose(page: Page, model: string) {
  await page.getByRole('combobox', { name: 'Model' }).click();
  await page.getByRole('option', { name: model }).click();
}
