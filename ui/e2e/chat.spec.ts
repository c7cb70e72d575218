import { expect, type Page, signIn, test } from './test';

test.beforeEach(async ({ page, server }) => {
  await signIn(page, await server.newUser('user'), '/chat');
});

test('an answer arrives as formatted text, with what it took, and stays over a reload', async ({ page }) => {
  await page.getByRole('combobox', { name: 'Model' }).click();
  await page.getByRole('option', { name: 'tiny-chat' }).click();
  await ask(page, 'Who are you?');
  await expect(answer(page)).toContainText('Hello! I am tiny-chat, a test model.');
  await expect(answer(page)).toContainText('<b>bold</b>');
  await expect(answer(page)).toContainText(/27 tokens · \S+ tokens\/s/);
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Who are you?' })).toBeVisible();
  await expect(answer(page)).toContainText('Good bye.');
});

test('Esc stops an answer in the middle: what arrived stays, and the model is let go', async ({
  page,
  server,
}) => {
  const left = server.upstream.answer('Count for ever', async function* () {
    yield 'one ';
    yield 'two';
    await new Promise(() => {}); // says no more, and does not end
  });
  await ask(page, 'Count for ever');
  await expect(answer(page)).toContainText('one two');
  await page.keyboard.press('Escape');
  await expect(answer(page)).toContainText('Stopped here.');
  await expect(answer(page)).toContainText('one two');
  await left;
  await expect(page.getByLabel('Message')).toBeEditable();
});

for (const turn of [1, 2, 3]) {
  test(`a reload in the middle of an answer keeps what had come, as stopped (${turn} of 3)`, async ({
    page,
    server,
  }) => {
    const prompt = `Count through reload ${turn}`;
    const left = server.upstream.answer(prompt, async function* () {
      yield 'one ';
      yield 'two';
      await new Promise(() => {});
    });
    await ask(page, prompt);
    await expect(answer(page)).toContainText('one two');
    await page.reload();
    await expect(answer(page)).toContainText('Stopped here.');
    await expect(answer(page)).toContainText('one two');
    await expect(page.getByText('cannot be reached')).toBeHidden();
    await left;
  });
}

test('when the model server breaks in the middle, what arrived is kept and can be asked for again', async ({
  page,
  server,
}) => {
  let die: (reason: Error) => void;
  void server.upstream.answer('Tell me all', async function* () {
    yield 'The beginning';
    await new Promise((_, reject) => (die = reject));
  });
  await ask(page, 'Tell me all');
  await expect(answer(page)).toContainText('The beginning');
  die!(new Error('the model server dies'));
  await expect(answer(page).getByRole('alert')).toContainText('What arrived is kept.');

  void server.upstream.answer('Tell me all', () => ['The beginning', ' and the end']);
  await answer(page).getByRole('button', { name: 'Try again' }).click();
  await expect(answer(page)).toContainText('The beginning and the end');
});

function answer(page: Page) {
  return page.getByRole('article', { name: 'Answer' }).last();
}

async function ask(page: Page, prompt: string) {
  await page.getByLabel('Message').fill(prompt);
  await page.keyboard.press('Enter');
}
