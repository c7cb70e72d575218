/** Width by height of the map. */
export const ASPECT = 1.5;

/** The share of width or height that the points fill. */
const FILL = 0.76;

/** The height of a label, and the width that it may have, as shares of the map's on a phone. */
const LABEL = { height: 0.1, width: 0.45 };

/** Where something stands on the map: shares of its width, from the left, and of its height, from the top. */
export interface Place {
  left: number;
  top: number;
}

/** Places points, one scale for both axes, so that distances can be compared. */
export function layPoints(points: readonly (readonly [number, number])[]): Place[] {
  const xs = range(points.map(([x]) => x));
  const ys = range(points.map(([, y]) => y));
  const height = Math.max(xs.span / ASPECT, ys.span) / FILL || 1;
  return points.map(([x, y]) => ({
    left: 0.5 + (x - xs.middle) / (height * ASPECT),
    top: 0.5 - (y - ys.middle) / height,
  }));
}

/** The tops of the points' labels: at their points, or as near as they find room, towards the middle. */
export function layLabels(places: readonly Place[]): number[] {
  const tops = places.map(({ top }) => top);
  const laid: number[] = [];
  const fromEdges = [...places.keys()].toSorted((a, b) => fromMiddle(tops[b]!) - fromMiddle(tops[a]!));
  for (const label of fromEdges) {
    const near = laid.filter((other) => Math.abs(places[other]!.left - places[label]!.left) < LABEL.width);
    const step = tops[label]! > 0.5 ? -0.01 : 0.01;
    const isTaken = () => near.some((other) => Math.abs(tops[other]! - tops[label]!) < LABEL.height);
    while (isTaken() && tops[label]! > 0 && tops[label]! < 1) tops[label]! += step;
    laid.push(label);
  }
  return tops;
}

function fromMiddle(top: number): number {
  return Math.abs(top - 0.5);
}

function range(values: number[]) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  return { middle: (low + high) / 2, span: high - low };
}
