import { Code } from '@connectrpc/connect';
import { screen, waitFor, within } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { OllamaService } from '../../gen/paddock/v1/ollama_pb';
import { UserService } from '../../gen/paddock/v1/users_pb';
import { fault, renderApp, someone } from '../../test/app';

const administration = ['Overview', 'User creation', 'Admin panel', 'Audit log'];
const models = ['Ollama chat', 'Embeddings'];

test.each([
  { roles: ['admin'], panels: [...administration, ...models, 'Account'] },
  { roles: ['user'], panels: [...models, 'Account'] },
  { roles: [], panels: ['Account'] },
])('with the roles $roles the menu shows $panels', async ({ roles, panels }) => {
  renderApp({ path: '/chat', as: someone(...roles) });
  const menu = await screen.findByRole('navigation', { name: 'Panels' });
  const links = within(menu).getAllByRole('link');
  expect(links.map((link) => link.textContent)).toEqual(panels);
});

test('who has no role reads whom to ask, and sees it when they have got one', async () => {
  const user = someone();
  const { person } = renderApp({
    as: user,
    auth: { refresh: () => ({ accessToken: 'token', user }) },
  });
  expect(await screen.findByText(/Ask an admin/)).toBeVisible();
  user.roles = ['user'];
  await person.click(screen.getByRole('button', { name: 'Look again' }));
  expect(await screen.findByLabelText('Message')).toBeVisible();
});

test('the menu of the user names the version of the server', async () => {
  const fetch = vi.spyOn(globalThis, 'fetch');
  fetch.mockResolvedValue(Response.json({ status: 'ok', version: 'v1.2.3' }));
  const { person } = renderApp({ path: '/account', as: someone('user') });
  await person.click(await screen.findByRole('button', { name: /: menu$/ }));
  expect(await screen.findByText('Paddock v1.2.3')).toBeVisible();
  expect(fetch).toHaveBeenCalledExactlyOnceWith('/healthz', expect.anything());
});

test('a link that is pointed at fetches what its panel shows, once', async () => {
  const asked: string[] = [];
  const admin = someone('admin');
  const { person, history } = renderApp({
    path: '/account',
    as: admin,
    services: ({ service }) => {
      service(OllamaService, { listModels: () => (asked.push('models'), { models: [] }) });
      service(UserService, {
        listUsers: () => (asked.push('users'), { users: [admin], totalSize: 1 }),
        getUser: ({ id }) => (asked.push(id), { user: admin }),
      });
    },
  });
  const menu = within(await screen.findByRole('navigation', { name: 'Panels' }));
  await screen.findByRole('heading', { name: 'Account' });
  const before = asked.length;
  await person.hover(menu.getByRole('link', { name: 'Admin panel' }));
  await waitFor(() => expect(asked.slice(before)).toEqual(['users']));
  expect(history.location.pathname).toBe('/account');
  await person.click(menu.getByRole('link', { name: 'Admin panel' }));
  const row = await screen.findByRole('link', { name: admin.email });
  await person.hover(row);
  await waitFor(() => expect(asked.slice(before)).toEqual(['users', admin.id]));
});

test('what one may not see is not fetched', async () => {
  let asked = 0;
  renderApp({
    path: '/users',
    as: someone('user'),
    services: ({ service }) => service(UserService, { listUsers: () => (asked++, {}) }),
  });
  expect(await screen.findByRole('heading', { name: 'Not authorised' })).toBeVisible();
  expect(asked).toBe(0);
});

test('a panel that is not open to one says so, at its own address', async () => {
  const { history } = renderApp({ path: '/users', as: someone('user') });
  expect(await screen.findByRole('heading', { name: 'Not authorised' })).toBeVisible();
  expect(screen.getByText(/Admin panel is not open to your roles/)).toBeVisible();
  expect(history.location.pathname).toBe('/users');
});

test('an address that is no page says so, with the menu beside it', async () => {
  renderApp({ path: '/nowhere/at/all', as: someone('user') });
  expect(await screen.findByRole('heading', { name: 'There is no such page' })).toBeVisible();
  expect(screen.getByRole('navigation', { name: 'Panels' })).toBeVisible();
});

test('a server that does not answer is told as such, and asked again', async () => {
  // The router and React report it too.
  vi.spyOn(console, 'warn').mockReturnValue();
  vi.spyOn(console, 'error').mockReturnValue();
  let away = true;
  const { person } = renderApp({
    as: someone(),
    auth: {
      refresh: () => {
        if (away)
          throw fault(Code.Unavailable, 'DATABASE_UNAVAILABLE', 'the database is unavailable', {
            retryAfter: 1,
          });
        return { accessToken: 'token', user: someone() };
      },
    },
  });
  expect(await screen.findByText('The database is unavailable. Try again in 1 s.')).toBeVisible();
  expect(screen.getByRole('main')).toContainElement(
    screen.getByRole('heading', { name: 'That did not work' }),
  );
  away = false;
  await person.click(screen.getByRole('button', { name: 'Try again' }));
  expect(await screen.findByText(/nothing is open to you/)).toBeVisible();
});

test('the keyboard opens the command menu, which signs out', async () => {
  const { person, session } = renderApp({ as: someone(), auth: { logout: () => ({}) } });
  await screen.findByText(/nothing is open to you/);
  await person.keyboard('{Control>}k{/Control}');
  await person.click(await screen.findByRole('option', { name: 'Sign out' }));
  expect(await screen.findByRole('heading', { name: 'Sign in to Paddock' })).toBeVisible();
  await waitFor(() => expect(session.user).toBeUndefined());
});

test('who signs out while the server is away is told that it does not know', async () => {
  const { person } = renderApp({
    as: someone(),
    auth: {
      logout: () => {
        throw fault(Code.Unavailable, 'DATABASE_UNAVAILABLE', 'the database is unavailable');
      },
    },
  });
  await screen.findByText(/nothing is open to you/);
  await person.keyboard('{Control>}k{/Control}');
  await person.click(await screen.findByRole('option', { name: 'Sign out' }));
  expect(await screen.findByRole('heading', { name: 'Sign in to Paddock' })).toBeVisible();
  expect(await screen.findAllByText(/Paddock could not be told/)).not.toEqual([]);
});

test('single keys can be switched off, and stay so', async () => {
  const { person } = renderApp({ as: someone() });
  await screen.findByText(/nothing is open to you/);
  await person.keyboard('?');
  const dialog = within(await screen.findByRole('dialog', { name: 'Keyboard shortcuts' }));
  await person.click(dialog.getByRole('switch', { name: 'Shortcuts of single keys' }));
  expect(localStorage.getItem('paddock.shortcuts')).toBe('off');
  await person.keyboard('{Escape}');
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  await person.keyboard('?');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(screen.queryByRole('dialog')).toBeNull();
  await person.keyboard('{Control>}k{/Control}');
  expect(await screen.findByRole('dialog', { name: 'Command menu' })).toBeVisible();
});

test('keys with Alt type characters, and are no shortcuts', async () => {
  const { person } = renderApp({ as: someone() });
  await screen.findByText(/nothing is open to you/);
  await person.keyboard('{Alt>}?{/Alt}{Control>}{Alt>}k{/Alt}{/Control}');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(screen.queryByRole('dialog')).toBeNull();
});
