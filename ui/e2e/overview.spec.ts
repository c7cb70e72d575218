import { expect, ownServer, signIn, test as base } from './test';

const test = base.extend({ server: [ownServer({ upstreams: 2 }), { scope: 'worker' }] });

test('the overview tells which Ollama server is away; the other one goes on answering', async ({
  page,
  server,
}) => {
  await signIn(page, server.admin);
  const [first, second] = [0, 1].map((i) =>
    page.getByRole('list', { name: 'Ollama servers' }).getByRole('listitem').nth(i),
  );
  for (const one of [first!, second!]) await expect(one).toContainText(/Up.*answers in \d/);

  server.upstream.stop();
  await page.reload();
  await expect(first!).toContainText(/Away.*Calls go to the others that answer/);
  await expect(second!).toContainText(/Up.*answers in \d/);

  await page.goto('/chat');
  await page.getByRole('combobox', { name: 'Model' }).click();
  await page.getByRole('option', { name: 'tiny-chat' }).click();
  await page.getByLabel('Message').fill('Who are you?');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('article', { name: 'Answer' })).toContainText('I am tiny-chat');
});
