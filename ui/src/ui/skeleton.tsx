/** Stands where something will be once it is loaded, in its size: give it a box. It shows after 150 ms. */
export function Skeleton({ lines = 1 }: { lines?: number }) {
  return (
    <div className="appear-late flex w-full flex-col gap-2.5" aria-hidden>
      {Array.from({ length: lines }, (_, line) => (
        <div
          key={line}
          className="h-4 animate-pulse rounded-md bg-active"
          style={{ width: line === lines - 1 && lines > 1 ? '60%' : '100%' }}
        />
      ))}
    </div>
  );
}

/** Stands in a chart's place. */
export function ChartSkeleton() {
  return (
    <div className="h-42">
      <Skeleton lines={5} />
    </div>
  );
}
