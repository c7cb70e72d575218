import { expect, test } from 'vitest';
import { ASPECT, layLabels, layPoints } from './map-layout';

test('points lie within the map, and distances keep their proportions', () => {
  const [a, b, c] = layPoints([
    [0, 0],
    [3, 4],
    [30, 0],
  ]);
  for (const share of [a, b, c].flatMap((place) => [place!.left, place!.top])) {
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThan(1);
  }
  const width = (b!.left - a!.left) * ASPECT;
  const height = a!.top - b!.top;
  expect(width / height).toBeCloseTo(3 / 4, 9);
});

test('points that coincide lie in the middle', () => {
  const middle = { left: 0.5, top: 0.5 };
  expect(
    layPoints([
      [2, 2],
      [2, 2],
    ]),
  ).toEqual([middle, middle]);
});

test('labels of clusters do not lie on each other, nor outside', () => {
  const places = [...cluster(0.1, 0.1), ...cluster(0.8, 0.1), ...cluster(0.4, 0.86)];
  const tops = layLabels(places);
  for (const [i, top] of tops.entries()) {
    expect(top).toBeGreaterThan(0.05);
    expect(top).toBeLessThan(0.95);
    for (let j = 0; j < i; j++) {
      const apart = Math.abs(places[i]!.left - places[j]!.left) >= 0.45;
      expect(apart || Math.abs(top - tops[j]!) >= 0.1 - 1e-9).toBe(true);
    }
  }
});

test('labels with room stay at their points', () => {
  const places = [0.1, 0.3, 0.5, 0.9].map((top) => ({ left: 0.5, top }));
  expect(layLabels(places)).toEqual([0.1, 0.3, 0.5, 0.9]);
});

function cluster(left: number, top: number) {
  return [0, 0.01, 0.02, 0.03].map((d) => ({ left: left + d, top: top + d }));
}
