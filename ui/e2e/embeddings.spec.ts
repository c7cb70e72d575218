import { expect, signIn, test } from './test';

test('several inputs become vectors that can be compared', async ({ page, server }) => {
  await signIn(page, await server.newUser('user'), '/embeddings');
  await page.getByLabel('Input 1').fill('a horse');
  await page.keyboard.press('Enter');
  await page.keyboard.type('a zebra');
  await page.keyboard.press('Enter');
  await page.keyboard.type('a horse');
  await page.keyboard.press('ControlOrMeta+Enter');

  await expect(page.getByRole('status').filter({ hasText: '64 dimensions' })).toBeVisible();
  await expect(page.getByRole('button', { name: /vector 3/i })).toBeVisible();
  const table = page.getByRole('table', { name: 'Cosine similarity' });
  await expect(table.getByRole('row').nth(1).getByRole('cell')).toHaveText(['1.00', /^-?0\.\d\d$/, '1.00']);
});
