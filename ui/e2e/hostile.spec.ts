import { expect, type Page, signIn, test } from './test';

// Everything that people and models write, with what would run, load or lead elsewhere if it were taken for markup.
const markup = '<img src=http://evil.example/p.png onerror="document.title=1"><script>alert(1)</script>';
const markdown = [
  '![a picture](http://evil.example/p.png)',
  '[a link](javascript:alert(1))',
  '<iframe src="http://evil.example"></iframe>',
  '<style>@import url(http://evil.example/s.css);</style>',
  `| a table |\n|---|\n| ${markup} |`,
  '```html\n<img src=http://evil.example/p.png>\n```',
].join('\n\n');

test('names, labels and agents that are markup show as text', async ({ page, server }) => {
  const { user } = await server.users.createUser({
    email: "!{img}'`#@example.com",
    displayName: markup,
    externalId: markup,
    roles: ['user'],
  });
  await server.credentials.issueApiKey({ userId: user!.id, label: markup.slice(0, 100) });
  await signIn(page, server.admin, `/users/${user!.id}`);
  const drawer = page.getByRole('dialog');
  await expect(drawer.getByText(markup).first()).toBeVisible();
  await expect(drawer.getByRole('list', { name: 'API keys' })).toContainText(markup.slice(0, 100));
  await drawer.getByRole('tab', { name: 'Activity' }).click();
  await expect(drawer.getByText(markup.slice(0, 100)).first()).toBeVisible();
  await expectNothingForeign(page);

  await page.goto('/audit');
  await page.getByRole('table', { name: 'Audit entries' }).getByRole('link').nth(1).click();
  await expect(page.getByRole('dialog').getByText(markup.slice(0, 100)).first()).toBeVisible();
  await expectNothingForeign(page);
});

test('a model’s answer loads nothing and runs nothing', async ({ page, server }) => {
  void server.upstream.answer(markup, () => markdown.split(/(?<= )/));
  await signIn(page, await server.newUser('user'), '/chat');
  await page.getByLabel('Message').fill(markup);
  await page.keyboard.press('Enter');
  const answer = page.getByRole('article', { name: 'Answer' });
  await expect(answer).toContainText('tokens/s');
  await expect(answer).toContainText('<iframe src="http://evil.example"></iframe>');
  await expect(answer.getByRole('cell')).toHaveText(markup);
  await expect(answer.getByRole('link', { name: 'a picture' })).toHaveAttribute('rel', /noopener noreferrer/);
  await expect(answer.getByRole('link', { name: 'a link' })).toHaveCount(0);
  await expectNothingForeign(page);
});

test('what the watch over every test looks for, it finds', async ({ page, context, watch }) => {
  await context.route('http://evil.example/**', (route) => route.abort());
  await page.goto('/sign-in');
  await page.evaluate(() => {
    const image = new Image();
    image.src = 'http://evil.example/p.png';
    document.body.append(image);
    document.body.insertAdjacentHTML('beforeend', '<b onclick="alert(1)"></b>');
    open('http://evil.example/page');
    setTimeout(() => {
      throw new Error('thrown');
    });
  });
  for (const one of [
    /^CSP: img-src forbids http:\/\/evil.example/,
    /^CSP: script-src-attr forbids inline/,
    /^request to another origin: http:\/\/evil.example\/page/,
    /^uncaught: thrown/,
  ])
    await expect.poll(() => watch.found).toContainEqual(expect.stringMatching(one));
  watch.found.length = 0;
});

/** Whatever was written, there is no element that loads or runs something of a stranger's. */
async function expectNothingForeign(page: Page) {
  await expect(page.locator('img:not([src="/icon.svg"]), iframe, object, embed, video, audio')).toHaveCount(
    0,
  );
  await expect(page.locator('a[href^="javascript" i], body script, body style')).toHaveCount(0);
}
