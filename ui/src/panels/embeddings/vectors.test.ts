import { describe, expect, test } from 'vitest';
import { closestPair, cosines, gram, norm, project, type Vector } from './vectors';

test('norm is the Euclidean length', () => {
  expect(norm([3, -4])).toBe(5);
  expect(norm([])).toBe(0);
});

describe('cosines', () => {
  test('is 1 for one direction, 0 for a right angle, -1 for opposites, whatever the lengths', () => {
    const [row] = cosinesOf([1, 1], [5, 5], [-2, 2], [-3, -3]);
    expect(row![1]).toBeCloseTo(1, 12);
    expect(row![2]).toBeCloseTo(0, 12);
    expect(row![3]).toBeCloseTo(-1, 12);
  });

  test('never leaves the range by rounding', () => {
    const long = Array.from({ length: 768 }, (_, i) => Math.sin(i));
    for (const row of cosinesOf(
      long,
      long.map((x) => x * 0.1),
    )) {
      for (const value of row) expect(value).toBeLessThanOrEqual(1);
    }
  });

  test('is 0, not NaN, for a vector of zeros', () => {
    expect(cosinesOf([0, 0], [1, 0])).toEqual([
      [0, 0],
      [0, 1],
    ]);
  });
});

test('the closest pair is off the diagonal', () => {
  const values = cosinesOf([1, 0], [0, 1], [0.1, 1], [-1, 0.2]);
  expect(closestPair(values)).toEqual([1, 2]);
  expect(closestPair(cosinesOf([1, 0]))).toBeUndefined();
});

describe('project', () => {
  test('keeps the distances of points that lie in a plane, wherever it is', () => {
    const plane: Vector[] = [
      [0, 0],
      [4, 0],
      [4, 1],
      [-3, 2],
      [1, -1],
    ];
    const { points, explained } = project(gram(plane.map(turned)));
    for (const [i, a] of plane.entries()) {
      for (const [j, b] of plane.entries()) {
        expect(distance(points[i]!, points[j]!)).toBeCloseTo(distance(a, b), 6);
      }
    }
    expect(explained[0] + explained[1]).toBeCloseTo(1, 9);
    expect(explained[0]).toBeGreaterThan(explained[1]);
  });

  test('puts the widest spread on the first axis, and its farthest point on the positive side', () => {
    const { points, explained } = project(
      gram([
        [0, -10],
        [0, 4],
        [0, 3],
        [0, 3],
        [0.1, 0],
        [-0.1, 0],
      ]),
    );
    expect(points[0]![0]).toBeCloseTo(10, 2);
    expect(explained[0]).toBeGreaterThan(0.99);
  });

  test('puts two points on one axis', () => {
    const { points, explained } = project(
      gram([
        [0, 0, 3],
        [0, 4, 0],
      ]),
    );
    expect(distance(points[0]!, points[1]!)).toBeCloseTo(5, 9);
    expect(points.map(([, y]) => y)).toEqual([0, 0]);
    expect(explained).toEqual([1, 0]);
  });

  test('puts equal vectors, and a single one, at the origin', () => {
    for (const vectors of [
      [[1, 2]],
      [
        [1, 2],
        [1, 2],
        [1, 2],
      ],
    ]) {
      const { points, explained } = project(gram(vectors));
      expect(points.flat().every((x) => x === 0)).toBe(true);
      expect(explained).toEqual([0, 0]);
    }
  });
});

function cosinesOf(...vectors: Vector[]) {
  return cosines(gram(vectors));
}

/** Lays a point of the plane into four dimensions, lengths kept. */
function turned([x, y]: Vector): Vector {
  return [7 + 0.6 * x!, 5 + y!, -3 + 0.8 * x!, 2];
}

function distance(a: Vector, b: Vector): number {
  return Math.hypot(a[0]! - b[0]!, a[1]! - b[1]!);
}
