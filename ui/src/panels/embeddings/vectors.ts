/** A symmetric matrix, row by row. */
export type Matrix = readonly (readonly number[])[];

export type Vector = readonly number[];

/** The inner products of all pairs of vectors. All vectors are of one length. */
export function gram(vectors: readonly Vector[]): Matrix {
  const products = vectors.map(() => vectors.map(() => 0));
  for (const [i, a] of vectors.entries()) {
    for (let j = 0; j <= i; j++) products[i]![j] = products[j]![i] = dot(a, vectors[j]!);
  }
  return products;
}

/** The Euclidean length. */
export function norm(vector: Vector): number {
  return Math.sqrt(dot(vector, vector));
}

/**
 * The cosines of the angles between all pairs of vectors, from -1 to 1: 1 for the same direction. A vector of zeros has
 * no direction, and the cosine 0 with all.
 */
export function cosines(products: Matrix): Matrix {
  const norms = products.map((row, i) => Math.sqrt(row[i]!));
  return products.map((row, i) =>
    row.map((product, j) => Math.min(1, Math.max(-1, product / (norms[i]! * norms[j]!) || 0))),
  );
}

/** Two of several by their index, the lower one first. */
export type Pair = readonly [number, number];

/** The pair of the greatest value off the diagonal; undefined for fewer than two. */
export function closestPair(values: Matrix): Pair | undefined {
  let best: Pair | undefined;
  for (const [j, row] of values.entries()) {
    for (let i = 0; i < j; i++) {
      if (!best || row[i]! > values[best[0]]![best[1]]!) best = [i, j];
    }
  }
  return best;
}

/** What principal component analysis makes of vectors. */
export interface Projection {
  /** One point for each vector, around the origin, in the vectors' unit. */
  points: [number, number][];
  /** The shares, 0 to 1, of the variance that each of the two axes shows. */
  explained: [number, number];
}

/**
 * Projects vectors onto their first two principal components, by their inner products alone (classical scaling, Torgerson
 * 1952). An axis has no direction of its own: the point farthest along it is on the positive side.
 */
export function project(products: Matrix): Projection {
  const centred = centre(products);
  const total = centred.reduce((sum, row, i) => sum + row[i]!, 0);
  const first = principal(centred);
  const second = principal(deflate(centred, first));
  return {
    points: products.map((_, i) => [along(first, i), along(second, i)]),
    explained: [first.value / total || 0, second.value / total || 0],
  };
}

interface Eigen {
  value: number;
  /** Of length 1. */
  vector: Vector;
}

/** Below this share of the matrix, an eigenvalue is what rounding left: vectors come in single precision. */
const EPSILON = 1e-7;

const MAX_STEPS = 500;

/** The greatest eigenvalue of a matrix that has none below 0, by power iteration. */
function principal(matrix: Matrix): Eigen {
  // Any start will do that is not at right angles to what is sought: this one follows no pattern that data have.
  let vector = unit(matrix.map((_, i) => Math.cos((i + 1) ** 2)));
  let value = 0;
  for (let step = 0; step < MAX_STEPS; step++) {
    const next = matrix.map((row) => dot(row, vector));
    const length = norm(next);
    vector = unit(next);
    if (Math.abs(length - value) <= EPSILON * EPSILON * length) break;
    value = length;
  }
  const farthest = vector.reduce((far, x) => (Math.abs(x) > Math.abs(far) ? x : far), 0);
  return { value, vector: farthest < 0 ? vector.map((x) => -x) : vector };
}

/** The inner products of the vectors once their mean is taken from each. */
function centre(products: Matrix): Matrix {
  const n = products.length;
  const means = products.map((row) => row.reduce((sum, x) => sum + x, 0) / n);
  const mean = means.reduce((sum, x) => sum + x, 0) / n;
  return products.map((row, i) => row.map((x, j) => x - means[i]! - means[j]! + mean));
}

/** The matrix without what one eigenvector accounts for. */
function deflate(matrix: Matrix, { value, vector }: Eigen): Matrix {
  const rest = matrix.map((row, i) => row.map((x, j) => x - value * vector[i]! * vector[j]!));
  const isRounding = rest.every((row, i) => Math.abs(row[i]!) <= EPSILON * value);
  return isRounding ? rest.map((row) => row.map(() => 0)) : rest;
}

function along({ value, vector }: Eigen, i: number): number {
  return vector[i]! * Math.sqrt(value);
}

function unit(vector: Vector): Vector {
  const length = norm(vector);
  return length === 0 ? vector : vector.map((x) => x / length);
}

function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
