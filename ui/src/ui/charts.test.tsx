import { render } from '@testing-library/react';
import { expect, test } from 'vitest';
import { Columns } from './charts';

test('names below columns do not reach beyond the last', () => {
  for (let n = 1; n <= 40; n++) {
    const columns = Array.from({ length: n }, (_, i) => ({ name: `10:36:${i}`, values: [1] }));
    const { container, unmount } = render(
      <Columns label="Events" series={[{ name: 'all', tone: 'ok' }]} columns={columns} />,
    );
    const names = [...container.querySelectorAll<HTMLElement>('figure > [aria-hidden] > span')];
    expect(names.length).toBeGreaterThan(0);
    // Of the width, as much as a name takes on a phone is left behind where it begins, unless its end is what is set.
    const late = names.filter(({ style }) => parseFloat(style.left || '0') > 80);
    const beyond = names.filter(({ style }) => parseFloat(style.right || '0') < 0);
    expect([...late, ...beyond], `of ${n} columns`).toEqual([]);
    unmount();
  }
});
