import { useCallback, useEffect, useRef, useState } from 'react';

/** How far from the end still counts as the end, in pixels. */
const SLACK = 48;

/**
 * Keeps a scroller at its end while its content grows, until the reader scrolls up. Give scroller and content to the two
 * elements.
 */
export function useStickToEnd() {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const stuck = useRef(true);
  const [atEnd, setAtEnd] = useState(true);

  const toEnd = useCallback(() => {
    stuck.current = true;
    setAtEnd(true);
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  }, []);

  useEffect(() => {
    const frame = scroller.current!;
    let lastTop = frame.scrollTop;
    const onScroll = () => {
      const end = frame.scrollHeight - frame.scrollTop - frame.clientHeight <= SLACK;
      if (end) stuck.current = true;
      else if (frame.scrollTop < lastTop - 1) stuck.current = false;
      lastTop = frame.scrollTop;
      setAtEnd(stuck.current);
    };
    const resized = new ResizeObserver(() => {
      if (stuck.current) frame.scrollTop = frame.scrollHeight;
    });
    resized.observe(content.current!);
    resized.observe(frame);
    frame.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      resized.disconnect();
      frame.removeEventListener('scroll', onScroll);
    };
  }, []);

  return { scroller, content, atEnd, toEnd };
}
