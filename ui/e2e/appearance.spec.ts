import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import type { User } from '../src/gen/paddock/v1/users_pb';
import { populate } from './people';
import { expect, ownServer, type Page, signIn, test as base } from './test';

const folder = join(import.meta.dirname, 'screenshots');

const looks = [
  { theme: 'light', size: 'desktop' },
  { theme: 'dark', size: 'desktop' },
  { theme: 'light', size: 'phone' },
  { theme: 'dark', size: 'phone' },
] as const;

const sizes = {
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};

// The answer that shows all of what a model can write.
const answer = `Two gates are better than **one**. See [the manual](https://example.com/gates):

1. Close the *outer* gate.
2. Open the inner gate, \`gate.Open()\`.

| gate | width | latched |
|---|---|---|
| outer | 3.5 m | yes |
| inner | 2 m | no |

\`\`\`go
// Open lets one horse in, and tells which.
func (g *Gate) Open(ctx context.Context) (*Horse, error) {
	return g.next(ctx), nil
}
\`\`\`

> A horse that waits is a horse that thinks.

- [x] Close the outer gate
- [ ] Open the inner gate
`;

// What opens from a control belongs to that, and to no landmark: dialogs, as axe knows, and lists and menus as well.
const regionMatcher = 'svg, [role=dialog], [role=alertdialog], [role=listbox], [role=menu]';
const rules = { 'target-size': { enabled: true } }; // WCAG 2.2, which axe leaves out unless asked
const options = { rules, checks: { region: { options: { regionMatcher } } } };

let ada: User;
const test = base.extend({
  server: [
    ownServer({
      upstreams: 2,
      prepare: async (server) => {
        ada = await populate(server);
        server.upstreams[1]!.stop(); // one is up, and one away
      },
    }),
    { scope: 'worker' },
  ],
});
test.describe.configure({ timeout: 180_000 }); // many pages each

for (const { theme, size } of looks) {
  test.describe(`on a ${size}, in the ${theme} theme`, () => {
    test.use({ colorScheme: theme, ...sizes[size] });

    /** Looks at what is there: nothing moves any more, axe finds nothing, nothing is wider than the screen. */
    const look = async (page: Page, name: string) => {
      await test.step(name, async () => {
        await settled(page);
        await page.screenshot({ path: join(folder, `${name}-${theme}-${size}.png`) });
        // Legacy: without a page of its own to work in, which is for frames.
        const axe = new AxeBuilder({ page }).setLegacyMode().options(options);
        const { violations } = await axe.analyze();
        const faults = violations.flatMap(({ id, help, nodes }) =>
          nodes.map((node) => `${id}: ${help}: ${node.html.slice(0, 300)} ${node.failureSummary}`),
        );
        expect.soft(faults, `axe on ${name}`).toEqual([]);
        await expect.soft(page.locator('main'), `${name} has a main landmark`).toHaveCount(1);
        expect.soft(await sideways(page), `${name} scrolls sideways`).toEqual([]);
        expect.soft(await cutOff(page), `${name} has charts with names that are cut off`).toEqual([]);
      });
    };

    test('every page of an admin is accessible and fits', async ({ page, server }) => {
      await page.goto('/');
      await expect(page.getByLabel('Email')).toBeFocused();
      await look(page, 'sign-in');
      await signIn(page, server.admin);

      await expect(page.getByText('Recent events')).toBeVisible();
      await expect(page.getByText('login_success').first()).toBeVisible();
      await look(page, 'overview');
      const away = page.getByText('Calls go to the others that answer.');
      await expect(away).toBeAttached();
      if (size === 'phone') {
        await away.scrollIntoViewIfNeeded();
        await look(page, 'overview-servers');
      }

      await page.goto('/users/new');
      await page.getByLabel('Email').fill('admin@example.com');
      await page.getByLabel('First password').fill('horse');
      await page.getByRole('button', { name: 'Create user' }).click();
      await expect(page.locator('[aria-invalid=true]').first()).toBeVisible();
      await look(page, 'user-creation');

      await page.goto('/users');
      await expect(page.getByRole('link', { name: 'Ada Lovelace' })).toBeVisible();
      await look(page, 'users');
      await page.getByRole('combobox', { name: 'Role' }).click();
      await expect(page.getByRole('option', { name: 'admin' })).toBeVisible();
      await look(page, 'users-select');

      await page.goto('/users?q=nobody-is-called-that');
      await expect(page.getByText('No user is like that')).toBeVisible();
      await look(page, 'users-empty');

      await page.goto('/users?roles=true');
      const roles = page.getByRole('dialog', { name: 'Roles', exact: true });
      await expect(roles.getByText('tiny-chat:latest')).toBeVisible();
      await look(page, 'roles');
      await roles.getByRole('button', { name: 'Models of the role user' }).click();
      await expect(page.getByRole('checkbox', { name: 'tiny-slow:latest' })).toBeVisible();
      await look(page, 'roles-models');

      const drawer = page.getByRole('dialog', { name: 'Ada Lovelace' });
      await page.goto(`/users/${ada.id}`);
      await expect(drawer.getByRole('button', { name: 'Revoke ci-token' })).toBeAttached();
      await look(page, 'user');
      await drawer.getByRole('button', { name: 'Models of ci-token' }).click();
      await page.getByRole('switch', { name: 'All models' }).click();
      await expect(page.getByRole('checkbox', { name: 'tiny-slow:latest' })).toBeVisible();
      await look(page, 'user-key-models');
      await page.getByRole('button', { name: 'Cancel' }).click();
      await drawer.getByRole('button', { name: 'Revoke ci-token' }).click();
      await expect(page.getByRole('alertdialog', { name: 'Revoke ci-token?' })).toBeVisible();
      await look(page, 'user-revoke');
      await page.getByRole('button', { name: 'Cancel' }).click();
      await drawer.getByLabel('Label', { exact: true }).fill(`${theme} ${size}`);
      await drawer.getByRole('button', { name: 'Issue' }).click();
      await expect(page.getByRole('alertdialog', { name: 'The key' })).toBeVisible();
      await look(page, 'user-key');
      await page.getByRole('combobox', { name: 'Use it with' }).click();
      await expect(page.getByRole('option', { name: 'Claude Code' })).toBeVisible();
      await look(page, 'user-key-clients');
      await page.getByRole('option', { name: 'Codex' }).click();
      await expect(page.getByText('~/.codex/config.toml')).toBeVisible();
      await look(page, 'user-key-codex');
      await page.getByRole('button', { name: 'I stored it' }).click();
      await drawer.getByRole('button', { name: 'Delete user' }).click();
      await expect(page.getByRole('alertdialog', { name: 'Delete' })).toBeVisible();
      await look(page, 'user-delete');
      await page.getByRole('button', { name: 'Cancel' }).click();
      await drawer.getByRole('tab', { name: 'Usage' }).click();
      await expect(drawer.getByRole('table', { name: 'Usage by model' })).toBeVisible();
      await look(page, 'user-usage');
      if (size === 'phone') {
        await drawer.getByRole('table').scrollIntoViewIfNeeded();
        await look(page, 'user-usage-table');
      }
      await drawer.getByRole('tab', { name: 'Sessions' }).click();
      await expect(drawer.getByRole('list', { name: 'Sessions' })).toBeVisible();
      await look(page, 'user-sessions');
      await drawer.getByRole('tab', { name: 'Activity' }).click();
      await expect(drawer.getByText('api_key_revoked').first()).toBeVisible();
      await look(page, 'user-activity');

      await page.goto('/audit');
      await expect(page.getByText('bootstrap').first()).toBeAttached();
      await look(page, 'audit');
      if (size === 'phone') {
        await page.getByRole('button', { name: 'Filters' }).click();
        await expect(page.getByLabel('Event type')).toBeVisible();
        await look(page, 'audit-filters');
      }
      await page.getByRole('table').getByRole('link').first().click();
      await expect(page.getByRole('dialog')).toBeVisible();
      await look(page, 'audit-entry');

      await page.goto('/nowhere');
      await expect(page.getByRole('heading', { name: 'There is no such page' })).toBeVisible();
      await look(page, 'not-found');
    });

    test('every page of a member is accessible and fits', async ({ page, server, another }) => {
      const member = await server.newUser('user');
      await server.users.updateUser({ id: member.user.id, displayName: 'Sofya Kovalevskaya' });
      const prompt = 'How do I keep a horse\nfrom walking through two gates at once?';
      void server.upstream.answer(prompt, () => answer.split(/(?<= )/));

      void server.upstream.answer('break', () => {
        throw new Error('the model server dies');
      });

      await signIn(page, member, '/chat');
      await expect(page.getByRole('combobox', { name: 'Model' })).toBeVisible();
      await look(page, 'chat-empty');
      await page.getByLabel('Message').fill(prompt);
      await page.getByRole('button', { name: 'Send', exact: true }).click();
      await expect(page.getByRole('article', { name: 'Answer' })).toContainText('tokens/s');
      await look(page, 'chat');

      await page.getByLabel('Message').fill('break');
      await page.getByRole('button', { name: 'Send', exact: true }).click();
      await expect(page.getByRole('alert')).toBeVisible();
      await look(page, 'chat-broken');
      await page.getByRole('button', { name: 'Settings' }).click();
      await expect(page.getByRole('dialog', { name: 'Conversation settings' })).toBeVisible();
      await look(page, 'chat-settings');
      await page.getByRole('button', { name: 'Cancel' }).click();

      await server.usage.setQuota({ userId: member.user.id, tokensPerDay: 90n });
      await page.getByLabel('Message').fill('And with three gates?');
      await page.getByRole('button', { name: 'Send', exact: true }).click();
      await expect(page.getByRole('alert').last()).toContainText('Token quota exceeded');
      await look(page, 'chat-quota');
      await server.usage.setQuota({ userId: member.user.id, tokensPerDay: 150n });
      if (size === 'phone') {
        await page.getByRole('button', { name: 'Conversations' }).click();
        await expect(page.getByRole('dialog', { name: 'Conversations' })).toBeVisible();
        await look(page, 'chat-list');
      }

      await page.goto('/embeddings');
      await expect(page.getByRole('combobox', { name: 'Model' })).toBeVisible();
      await look(page, 'embeddings-empty');
      for (const [i, text] of ['a horse', 'a zebra', 'a gate', 'The fence around the paddock'].entries()) {
        await page.getByLabel(`Input ${i + 1}`, { exact: true }).fill(text);
        if (i < 3) await page.getByRole('button', { name: 'Add an input' }).click();
      }
      await page.getByRole('button', { name: 'Generate', exact: true }).click();
      await expect(page.getByText('64 dimensions')).toBeVisible();
      await look(page, 'embeddings');
      await page.getByRole('button', { name: /^Vector 1/ }).click();
      await expect(page.getByRole('dialog', { name: 'Vector 1' })).toBeVisible();
      await look(page, 'embeddings-vector');

      await page.goto('/account');
      await expect(page.getByText('This session')).toBeVisible();
      const usage = page.getByRole('table', { name: 'Usage by model' });
      await expect(usage).toBeVisible();
      await look(page, 'account');
      if (size === 'phone') {
        await usage.scrollIntoViewIfNeeded();
        await look(page, 'account-usage');
        await page.getByRole('list', { name: 'Sessions' }).scrollIntoViewIfNeeded();
        await look(page, 'account-keys');
      }

      if (size === 'phone') {
        await page.getByRole('button', { name: 'Open menu' }).click();
        await expect(page.getByRole('dialog', { name: 'Paddock' })).toBeVisible();
        await look(page, 'menu');
      }
      await page.getByRole('button', { name: 'Sofya Kovalevskaya: menu' }).click();
      await expect(page.getByRole('menuitem', { name: 'Sign out' })).toBeVisible();
      await look(page, 'user-menu');
      await page.getByRole('menuitem', { name: 'Keyboard shortcuts' }).click();
      await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
      await look(page, 'shortcuts');
      await page.goto('/account');
      await expect(page.getByText('This session')).toBeVisible();
      await page.keyboard.press('ControlOrMeta+k');
      await expect(page.getByRole('dialog', { name: 'Command menu' })).toBeVisible();
      await look(page, 'command-menu');

      await page.goto('/audit');
      await expect(page.getByRole('heading', { name: 'Not authorised' })).toBeVisible();
      await look(page, 'not-authorised');

      const stranger = await another(await server.newUser());
      await expect(stranger.getByText(/has no role/)).toBeVisible();
      await look(stranger, 'no-role');
    });
  });
}

/** Waits until what fades or slides in has done so. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await document.fonts.ready;
    const ends = document
      .getAnimations()
      .filter((animation) => animation.effect?.getComputedTiming().endTime !== Number.POSITIVE_INFINITY)
      .map(({ finished }) => finished);
    await Promise.allSettled(ends);
  });
}

/** What scrolls sideways: the page or a part of it. Code and tables of models may, by themselves and reached by keys. */
async function sideways(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('*')]
      .filter((element) => element.scrollWidth > element.clientWidth)
      .filter(
        (element) => element === document.documentElement || getComputedStyle(element).overflowX === 'auto',
      )
      .filter((element) => !element.matches('[tabindex="0"]') || element.scrollHeight > element.clientHeight)
      .map((element) => `${element.tagName} ${element.className}`),
  );
}

/** The names below the columns of charts that reach beyond them. */
async function cutOff(page: Page): Promise<(string | null)[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('figure > [aria-hidden] > span')]
      .filter((name) => {
        const chart = name.closest('figure')!.getBoundingClientRect();
        return name.getBoundingClientRect().right > chart.right + 1;
      })
      .map((name) => name.textContent),
  );
}
