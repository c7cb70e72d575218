import { useCallback, useSyncExternalStore } from 'react';

const STEP = 250;

/** The time, in milliseconds since 1970, to the next quarter of a second; kept up to date until then. */
export function useNow(until = 0): number {
  const subscribe = useCallback(
    (tick: () => void) => {
      const timer = setInterval(() => {
        tick();
        if (stepped() >= until) clearInterval(timer);
      }, STEP);
      return () => clearInterval(timer);
    },
    [until],
  );
  return useSyncExternalStore(subscribe, stepped);
}

function stepped(): number {
  return Math.ceil(Date.now() / STEP) * STEP;
}
