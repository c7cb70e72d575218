import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, signIn, test } from './test';

test('the boxes of a list of tasks have names, and axe finds nothing', async ({ page, server }) => {
  await signIn(page, await server.newUser('user'), '/chat');
  void server.upstream.answer('What is left to do?', () => [
    '- [x] Close the outer gate\n- [ ] Open the inner gate\n',
  ]);
  await page.getByLabel('Message').fill('What is left to do?');
  await page.keyboard.press('Enter');
  const answer = page.getByRole('article', { name: 'Answer' });
  await expect(answer).toContainText('tokens/s');
  await expect(answer.getByRole('checkbox', { name: 'Done', exact: true })).toBeChecked();
  await expect(answer.getByRole('checkbox', { name: 'Not done' })).not.toBeChecked();
  expect(await faults(page)).toEqual([]);
});

test.describe('who wants no motion', () => {
  test.use({ contextOptions: { reducedMotion: 'reduce' } });

  test('sees nothing pulse or turn', async ({ page, server }) => {
    await signIn(page, server.admin, '/audit?live=true');
    await expect(page.getByRole('table')).toBeVisible();
    await expect.poll(() => moving(page)).toEqual([]);

    void server.upstream.answer('Say nothing', async function* () {
      yield* [];
      await new Promise(() => {});
    });
    await page.goto('/chat');
    await page.getByLabel('Message').fill('Say nothing');
    await page.keyboard.press('Enter');
    await expect(page.getByText('Waiting for the first word…')).toBeVisible();
    await expect.poll(() => moving(page)).toEqual([]);

    await page.route(/GetOverview/, () => {}); // its skeletons stay
    await page.goto('/');
    await expect(page.getByText('Active users')).toBeVisible();
    await expect.poll(() => moving(page)).toEqual([]);
  });
});

async function faults(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

/** The animations that run. */
async function moving(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    document
      .getAnimations()
      .filter(({ playState }) => playState === 'running')
      .map((animation) => (animation as CSSAnimation).animationName),
  );
}
