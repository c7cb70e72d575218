import { expect, ownServer, signIn, test as base } from './test';

const test = base.extend({ server: [ownServer({ env: { ACCESS_TOKEN_TTL: '1s' } }), { scope: 'worker' }] });

test('an access token that runs out in the middle of a form costs nothing', async ({ page, server }) => {
  const tokens: string[] = [];
  page.on('request', (request) => {
    const [, token] = /^Bearer (.+)/.exec(request.headers().authorization ?? '') ?? [];
    if (token) tokens.push(token);
  });
  await signIn(page, server.admin, '/users/new');
  await page.getByLabel('Email').fill('grace@example.com');
  await expect(page.getByRole('checkbox', { name: 'user' })).toBeVisible();

  const inUse = tokens.at(-1)!;
  const status = async () => {
    const answer = await fetch(`${server.url}/paddock.v1.AuthService/WhoAmI`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${inUse}` },
      body: '{}',
    });
    return answer.status;
  };
  await expect.poll(status).toBe(401);
  await page.getByRole('button', { name: 'Create user' }).click();
  await expect(page.getByText('Created grace@example.com')).toBeVisible();
  expect(tokens.at(-1)).not.toBe(inUse);
});
