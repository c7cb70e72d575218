import { expect, signIn, test } from './test';

test('an admin creates a user, opens the gate for her with a key, and sees it all in the audit log', async ({
  page,
  context,
  server,
}) => {
  await signIn(page, server.admin);
  await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible();

  await test.step('what is wrong with a new user is told at the field', async () => {
    await page.getByRole('link', { name: 'User creation' }).click();
    const email = page.getByLabel('Email');
    const create = page.getByRole('button', { name: 'Create user' });
    await email.fill('ada');
    await create.click();
    await expect(email).toHaveAccessibleDescription(/include an '@'/); // the browser's own word
    await email.fill('.ada@example.com');
    await create.click();
    await expect(email).toHaveAccessibleDescription(/Must be an email address such as ada@example.com/);
    await email.fill(server.admin.email);
    await create.click();
    await expect(email).toHaveAccessibleDescription(/Another user has this email/);
  });

  await test.step('create Ada', async () => {
    await page.getByLabel('Email').fill('ada@example.com');
    await page.getByLabel('Display name').fill('Ada Lovelace');
    await page.getByRole('button', { name: 'Create user' }).click();
    await expect(page.getByText('Created ada@example.com')).toBeVisible();
    await page.getByRole('link', { name: 'Roles, password and API keys' }).click();
  });

  const drawer = page.getByRole('dialog', { name: 'Ada Lovelace' });

  await test.step('give her the role', async () => {
    await drawer.getByRole('switch', { name: 'user' }).click();
    await drawer.getByRole('button', { name: 'Save settings' }).click();
    await expect(page.getByText('Settings saved')).toBeVisible();
  });

  await test.step('set a password', async () => {
    await drawer.getByLabel('New password').fill('analytical engine');
    await drawer.getByRole('button', { name: 'Update password' }).click();
    await expect(page.getByText('Password updated')).toBeVisible();
  });

  const key = await test.step('issue a key, which is shown this once', async () => {
    await drawer.getByLabel('Label').fill('notebook');
    await drawer.getByRole('button', { name: 'Issue' }).click();
    const shown = page.getByRole('alertdialog', { name: 'The key notebook' });
    const secret = await shown.getByRole('textbox', { name: 'API key' }).innerText();
    await page.keyboard.press('Escape');
    await page.mouse.click(5, 5);
    await expect(shown).toBeVisible();

    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await shown.getByRole('combobox', { name: 'Use it with' }).click();
    await page.getByRole('option', { name: 'Codex' }).click();
    const copied = () => page.evaluate(() => navigator.clipboard.readText());
    await shown.getByRole('button', { name: 'Copy ~/.codex/config.toml' }).click();
    await expect.poll(copied).toContain(`base_url = "${server.url}/v1"`);
    expect(await copied()).toMatch(/^model = "tiny-.+"$/m);
    await shown.getByRole('button', { name: 'Copy for Codex' }).click();
    await expect.poll(copied).toBe(`export PADDOCK_API_KEY=${secret}\ncodex`);
    expect(await page.evaluate(() => ({ ...localStorage, ...sessionStorage }))).toEqual({
      'paddock.signed-in': '1',
      'paddock.client': 'codex',
    });
    await shown.getByRole('button', { name: 'I stored it' }).click();
    await expect(drawer.getByRole('button', { name: 'Revoke notebook' })).toBeVisible();
    await expect(page.getByText(secret)).toHaveCount(0);
    return secret;
  });

  await test.step('the key makes embeddings, and no more than her role allows', async () => {
    const embeddings = await call('OllamaService/Embed', {
      model: 'tiny-embed',
      input: ['a horse', 'a zebra'],
    });
    expect(embeddings.status).toBe(200);
    expect(((await embeddings.json()) as { embeddings: object[] }).embeddings).toHaveLength(2);
    expect((await call('UserService/ListUsers', {})).status).toBe(403);
  });

  await test.step('revoke it, and it is worth nothing', async () => {
    await drawer.getByRole('button', { name: 'Revoke notebook' }).click();
    const question = page.getByRole('alertdialog', { name: 'Revoke notebook?' });
    await question.getByRole('button', { name: 'Revoke' }).click();
    await expect(drawer.getByText('Revoked', { exact: true })).toBeVisible();
    expect((await call('OllamaService/ListModels', {})).status).toBe(401);
    await drawer.getByRole('button', { name: 'Close' }).click();
    await expect(drawer).toBeHidden();
  });

  await test.step('the audit log tells of every step, the newest first', async () => {
    await page.getByRole('link', { name: 'Audit log' }).click();
    const rows = page.getByRole('table', { name: 'Audit entries' }).getByRole('row');
    const events = [
      'access_denied',
      'api_key_revoked',
      'access_denied',
      'api_key_issued',
      'password_set',
      'roles_changed',
      'user_created',
    ];
    for (const [i, event] of events.entries()) await expect(rows.nth(i + 1)).toContainText(event);

    await rows.nth(3).getByRole('link').click();
    const entry = page.getByRole('dialog', { name: 'access_denied' });
    await expect(entry.getByText('ada@example.com').first()).toBeVisible();
  });

  function call(method: string, message: object) {
    return fetch(`${server.url}/paddock.v1.${method}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}` },
      body: JSON.stringify(message),
    });
  }
});
